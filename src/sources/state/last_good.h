// The last good texts of what a source tells, by name, in one file on disk: what a restart serves while those are
// broken, or cannot be had.
//
// Texts are appended; when most of what stands there is out of date, the file is written anew, beside itself, and
// before that when room gets short. Where there is none the file is used as it is. What was cut by a crash or a full
// disk is left out when it is read again. One process at a time has the file.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace k8sgw::state {

class LastGoodTexts {
 public:
  // Is told when the file cannot be written anew, so that it grows; once until it can be.
  using Warn = std::function<void(const std::string&)>;

  // Makes the file and its folder when there are none. Errors: it cannot be read or written, or another process has it.
  static absl::StatusOr<std::unique_ptr<LastGoodTexts>> Open(const std::string& path, Warn warn = {});
  ~LastGoodTexts();
  LastGoodTexts(const LastGoodTexts&) = delete;
  LastGoodTexts& operator=(const LastGoodTexts&) = delete;

  // What was kept last under this name.
  std::optional<std::string> Find(const std::string& name) const;
  // In order.
  std::vector<std::string> names() const;
  // Writes nothing when it is what is kept already. Errors: it cannot be written; what was kept before stays.
  absl::Status Keep(const std::string& name, std::string_view text);
  absl::Status Forget(const std::string& name);

  // When the file was touched last, before it was opened, or else made. What is written does not change it.
  std::chrono::system_clock::time_point touched() const { return touched_; }
  // What is kept is as it should be now.
  void Touch();

  // Of the file, in bytes.
  uint64_t size() const { return size_; }

 private:
  struct Entry {
    // Where the text stands in the file.
    uint64_t offset = 0;
    uint64_t size = 0;
    uint64_t hash = 0;
  };

  LastGoodTexts(std::string path, int fd, Warn warn) : path_(std::move(path)), fd_(fd), warn_(std::move(warn)) {}

  absl::Status Read();
  // Appends a record; `text` is nullopt when the name is to be forgotten.
  absl::Status Append(const std::string& name, std::optional<std::string_view> text);
  bool WriteRecord(const std::string& record);
  void CompactIfWorthIt();
  // Returns whether the file was written anew.
  bool Compact();
  absl::Status WriteAnew();
  // Of the volume, in bytes; more than there can be when nobody knows.
  uint64_t Room() const;
  std::optional<std::string> TextOf(const Entry& entry) const;

  const std::string path_;
  int fd_;
  const Warn warn_;
  std::chrono::system_clock::time_point touched_;
  // The time that the file is to have.
  timespec time_{};
  uint64_t size_ = 0;
  // Bytes of the file that the entries need.
  uint64_t live_ = 0;
  std::map<std::string, Entry> entries_;
  // After a fault it is not tried before.
  std::chrono::steady_clock::time_point compact_after_{};
  bool warned_ = false;
};

}  // namespace k8sgw::state
