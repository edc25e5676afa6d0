// Where lines go: stdout, or a file that is replaced when it is large.
//
// What is written is whole lines. A file in which a part of a block was written, before the disk was full, is cut back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace k8sgw::access_log {

struct OutputOptions {
  // "" for stdout.
  std::string path;
  // A file that would become larger is renamed to path.1, that to path.2, and so on; of these `files` are kept.
  int64_t max_bytes = int64_t{100} << 20;
  int files = 5;
};

class Output {
 public:
  explicit Output(OutputOptions options) : options_(std::move(options)) {}
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Opens it, to say at the start what cannot be had; Write does so by itself.
  absl::Status Open();
  // Whole lines; waits as long as the file, or who reads stdout, does. After an error none of them is in the file (of
  // stdout, a part may be), and the next ones are tried anew. Errors name the file.
  absl::Status Write(std::string_view lines);
  // For messages.
  std::string name() const { return options_.path.empty() ? "stdout" : options_.path; }

 private:
  absl::Status Prepare(size_t bytes);
  absl::Status Rotate();
  absl::Status Failed(std::string_view what, int error) const;
  // Somebody else has moved the file away, or removed it.
  bool Moved() const;
  void Close();

  const OutputOptions options_;
  int fd_ = -1;
  int64_t size_ = 0;
  bool regular_ = false;
  // Of what is no regular file, the last line was cut.
  bool cut_ = false;
};

}  // namespace k8sgw::access_log
