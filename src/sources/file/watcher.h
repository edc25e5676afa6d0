// Notices what happens to the YAML files, or others, below a folder, and reads them at the moment at which they are
// complete: when a writer closes them, or when they are renamed or linked into place.
//
// - The folder may be missing, vanish and come back, also together with the folders above it; sub-folders come and go.
// - Links are followed: what happens to the files and folders that they lead to is noticed, and so is the swap of a
// link
//   such as `..data` (the way in which Kubernetes replaces mounted ConfigMaps and Secrets). Loops of links end.
// - Hidden files and editors' temporary files are not read. Pipes and devices are not opened.
// - What cannot be read is said, and is never taken for gone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace k8sgw::file {

// Links can make a small tree endless.
inline constexpr int kMaxFolderDepth = 32;
inline constexpr int kMaxFolders = 10'000;

struct FileEvent {
  enum class Kind { kContent, kGone, kUnreadable };
  Kind kind{};
  std::string path;     // relative to the folder; of a file, or of a folder that cannot be read
  std::string content;  // or, when it is unreadable, what is wrong
};

class DirectoryWatcher {
 public:
  // `counts` says by its name whether a file counts; nullptr: YAML files do.
  explicit DirectoryWatcher(std::string root, std::function<bool(std::string_view name)> counts = nullptr);
  ~DirectoryWatcher();
  DirectoryWatcher(const DirectoryWatcher&) = delete;
  DirectoryWatcher& operator=(const DirectoryWatcher&) = delete;

  // Every file, and from now on what happens to them.
  std::vector<FileEvent> Start();
  // To be polled for reading; -1 when changes cannot be noticed, which Start says.
  int fd() const { return fd_; }
  // What happened since the last call; never waits.
  std::vector<FileEvent> Poll();
  const std::string& root() const { return root_; }

 private:
  // The paths that a watch stands for; links make them several.
  using Watches = std::map<int, std::set<std::string>>;
  struct Walk;
  struct Pending;

  void WatchWay(const std::string& path, std::set<std::string>& done);
  void Take(int watch, uint32_t mask, const std::string& name, Pending& pending);
  void TakeFolderEvent(const std::string& folder, uint32_t mask, const std::string& name, Pending& pending);
  void Rescan(const std::set<std::string>& moved, std::vector<FileEvent>& events);
  void ScanFolder(const std::string& folder, int depth, Walk& walk);
  void ScanEntry(const std::string& path, int depth, bool trusted, Walk& walk);
  // Whether the folder's files will be told about without being read now.
  bool WatchFolder(const std::string& folder, Walk& walk);
  bool WatchLink(const std::string& path, Walk& walk);
  void ReadFile(const std::string& path, std::vector<FileEvent>& events);
  void Refuse(const std::string& path, std::string why, std::vector<FileEvent>& events);
  void Forget(const std::string& path, std::vector<FileEvent>& events);
  bool HasFilesBelow(const std::string& folder) const;
  void DropUnused(const Watches& old) const;
  std::string Absolute(const std::string& path) const { return path.empty() ? root_ : root_ + "/" + path; }

  const std::string root_;
  const std::function<bool(std::string_view)> counts_;
  int fd_ = -1;
  // By watches: folders and linked files, relative to the root; and, of folders on the way to the root and to what
  // links lead to, the names that are of interest.
  Watches folders_;
  Watches links_;
  Watches above_;
  // The known files, and whether they could be read.
  std::map<std::string, bool> files_;
  // Folders of which a problem was said.
  std::set<std::string> bad_folders_;
};

}  // namespace k8sgw::file
