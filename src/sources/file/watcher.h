// Notices what happens to the YAML files below a folder, and reads them at the moment at which they are complete: when
// a writer closes them, or when they are renamed into place.
//
// The folder may be missing, vanish and come back; sub-folders come and go; links are followed, and the swap of a link
// such as `..data` (the way in which Kubernetes replaces mounted ConfigMaps and Secrets) is noticed. Hidden files and
// editors' temporary files are not read.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace k8sgw::file {

inline constexpr int64_t kMaxFileBytes = 16 << 20;

struct FileEvent {
  enum class Kind { kContent, kGone, kUnreadable };
  Kind kind{};
  std::string path;     // relative to the folder
  std::string content;  // or, when it is unreadable, why
};

class DirectoryWatcher {
 public:
  explicit DirectoryWatcher(std::string root);
  ~DirectoryWatcher();
  DirectoryWatcher(const DirectoryWatcher&) = delete;
  DirectoryWatcher& operator=(const DirectoryWatcher&) = delete;

  // Every file, and from now on what happens to them.
  std::vector<FileEvent> Start();
  // To be polled for reading.
  int fd() const { return fd_; }
  // What happened since the last call; never waits.
  std::vector<FileEvent> Poll();
  const std::string& root() const { return root_; }

 private:
  // What a file was when it was read, to tell whether a rescan must read it again.
  struct Stamp {
    uint64_t inode = 0;
    int64_t mtime_ns = 0;
    int64_t size = 0;
    auto operator<=>(const Stamp&) const = default;
  };

  void WatchRootParent();
  void ScanFolder(const std::string& folder, int depth, std::map<std::string, bool>& found, std::vector<FileEvent>& events);
  void Rescan(const std::string& folder, std::vector<FileEvent>& events);
  void ReadFile(const std::string& path, bool only_if_changed, std::vector<FileEvent>& events);
  void Forget(const std::string& path, std::vector<FileEvent>& events);
  std::string Absolute(const std::string& path) const { return path.empty() ? root_ : root_ + "/" + path; }

  const std::string root_;
  int fd_ = -1;
  int parent_watch_ = -1;
  std::map<int, std::string> folders_;  // watch → folder, relative
  std::map<std::string, Stamp> files_;
};

}  // namespace k8sgw::file
