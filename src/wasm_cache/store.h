// Modules on disk: bytes by their SHA-256, and which image had which module last.
//
// Files appear whole or not at all, are checked against their names whenever they are read, and those that are not used
// go first when there are too many bytes. Several processes may share a folder. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace k8sgw::wasm_cache {

struct StoreOptions {
  // "" for a folder of its own, which ends with the store.
  std::string folder;
  uint64_t max_bytes = uint64_t{1} << 30;
};

// What an image had when it was pulled last.
struct Kept {
  std::string sha256;
  // The digest of the image's manifest.
  std::string manifest;
  std::string media_type;

  bool operator==(const Kept&) const = default;
};

struct StoredModule {
  std::string bytes;
  std::string media_type;
};

class Store {
 public:
  // Makes the folder, takes away what a crash has left of writes. Errors: the folder cannot be made or written.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const StoreOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // nullopt when nothing is known of the image, or its module is not there or not as it was.
  std::optional<Kept> Find(const std::string& image);
  // A module that was kept does not go before Unpin. Errors: the disk is full or broken, or too many bytes of modules
  // are in use; then nothing is pinned.
  absl::Status Keep(const std::string& image, const Kept& kept, const std::string& bytes);
  void Unpin(const std::string& sha256);
  // A module, checked: one that is not as it was goes away, and counts as not there.
  std::optional<StoredModule> Read(const std::string& sha256);
  bool Has(const std::string& sha256) { return Read(sha256).has_value(); }
  // These are used: they do not go.
  void SetInUse(std::set<std::string> sha256s);
  // Of all modules.
  uint64_t bytes() const;

 private:
  struct Entry {
    uint64_t size = 0;
    std::string media_type;
    // The higher, the later.
    uint64_t last_use = 0;
  };

  // A file that is written, and has not got its name yet.
  class Part;

  Store(std::string folder, bool temporary, uint64_t max_bytes)
      : folder_(std::move(folder)), temporary_(temporary), max_bytes_(max_bytes) {}

  absl::Status Load();
  // Takes away what was left in this folder by a process that has ended while it wrote.
  void RemoveParts(const std::string& folder);
  void LoadImages();
  std::string ModulePath(const std::string& sha256) const;
  std::string ImagePath(const std::string& image) const;
  // Puts the files of a module and of its image where they belong, when both were written.
  absl::Status Publish(const Kept& kept, const std::string& image, const Part& module, const Part& text);
  // Until `wanted` more bytes have room.
  absl::Status MakeRoom(uint64_t wanted);
  void Drop(const std::string& sha256);
  void Use(const std::string& sha256, Entry& entry);

  const std::string folder_;
  const bool temporary_;
  const uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::atomic<uint64_t> writes_ = 0;
  // All guarded by mutex_, which nobody holds while bytes go to the disk.
  std::map<std::string, Entry> entries_;
  std::set<std::string> in_use_;
  std::multiset<std::string> pins_;
  uint64_t bytes_ = 0;
  // Of modules that are being written.
  uint64_t coming_ = 0;
  uint64_t uses_ = 0;
};

}  // namespace k8sgw::wasm_cache
