#include "src/sources/file/watcher.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

namespace k8sgw::file {
namespace {

constexpr uint32_t kFolderEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB |
                                   IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr int kMaxDepth = 32;

bool IsYaml(std::string_view name) {
  if (name.starts_with('.') || name.ends_with('~')) return false;
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

std::string Join(const std::string& folder, const std::string& name) { return folder.empty() ? name : folder + "/" + name; }

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string WithoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

DirectoryWatcher::DirectoryWatcher(std::string root)
    : root_(WithoutTrailingSlashes(std::move(root))), fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

DirectoryWatcher::~DirectoryWatcher() { close(fd_); }

std::vector<FileEvent> DirectoryWatcher::Start() {
  std::vector<FileEvent> events;
  WatchRootParent();
  Rescan("", events);
  return events;
}

void DirectoryWatcher::WatchRootParent() {
  // The folder itself may vanish and come back.
  parent_watch_ = inotify_add_watch(fd_, ParentOf(root_).c_str(), IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR);
}

void DirectoryWatcher::ReadFile(const std::string& path, bool only_if_changed, std::vector<FileEvent>& events) {
  const std::string absolute = Absolute(path);
  const auto unreadable = [&](const std::string& why) {
    files_[path] = {};
    events.push_back({FileEvent::Kind::kUnreadable, path, why});
  };
  const int fd = open(absolute.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  if (fd < 0 || fstat(fd, &info) != 0) {
    const int error = errno;
    if (fd >= 0) close(fd);
    if (error == ENOENT || error == ENOTDIR) return Forget(path, events);
    return unreadable(std::strerror(error));
  }
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    return;
  }
  const Stamp stamp{info.st_ino, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_size};
  const auto known = files_.find(path);
  if (only_if_changed && known != files_.end() && known->second == stamp) {
    close(fd);
    return;
  }
  if (info.st_size > kMaxFileBytes) {
    close(fd);
    return unreadable("the file has more than " + std::to_string(kMaxFileBytes >> 20) + " MiB");
  }
  std::string content(static_cast<size_t>(info.st_size) + 1, '\0');
  size_t size = 0;
  for (ssize_t n; (n = read(fd, content.data() + size, content.size() - size)) > 0;) {
    size += static_cast<size_t>(n);
    if (size == content.size()) content.resize(std::min<size_t>(content.size() * 2, kMaxFileBytes + 1));
    if (size > static_cast<size_t>(kMaxFileBytes)) break;
  }
  close(fd);
  content.resize(size);
  files_[path] = stamp;
  events.push_back({FileEvent::Kind::kContent, path, std::move(content)});
}

void DirectoryWatcher::Forget(const std::string& path, std::vector<FileEvent>& events) {
  if (files_.erase(path) > 0) events.push_back({FileEvent::Kind::kGone, path, ""});
}

void DirectoryWatcher::ScanFolder(const std::string& folder, int depth, std::map<std::string, bool>& found,
                                  std::vector<FileEvent>& events) {
  const std::string absolute = Absolute(folder);
  // The watch comes first, so that nothing falls between the scan and the first event.
  const int watch = inotify_add_watch(fd_, absolute.c_str(), kFolderEvents);
  if (watch >= 0) folders_[watch] = folder;
  DIR* dir = opendir(absolute.c_str());
  if (!dir) return;
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  closedir(dir);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string path = Join(folder, name);
    if (IsYaml(name)) {
      found[path] = true;
      ReadFile(path, true, events);
      continue;
    }
    struct stat info {};
    if (depth < kMaxDepth && stat(Absolute(path).c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      ScanFolder(path, depth + 1, found, events);
    }
  }
}

void DirectoryWatcher::Rescan(const std::string& folder, std::vector<FileEvent>& events) {
  std::map<std::string, bool> found;
  ScanFolder(folder, 0, found, events);
  std::vector<std::string> gone;
  const std::string prefix = folder.empty() ? "" : folder + "/";
  for (const auto& [path, stamp] : files_) {
    if (path.starts_with(prefix) && !found.contains(path)) gone.push_back(path);
  }
  for (const std::string& path : gone) Forget(path, events);
}

std::vector<FileEvent> DirectoryWatcher::Poll() {
  std::vector<FileEvent> events;
  std::set<std::string> rescan;
  std::set<std::string> read_again;
  alignas(inotify_event) char buffer[64 << 10];
  for (ssize_t size; (size = read(fd_, buffer, sizeof(buffer))) > 0;) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      const std::string name = event->len > 0 ? event->name : "";
      if (event->mask & IN_Q_OVERFLOW) {
        rescan.insert("");
        continue;
      }
      if (event->wd == parent_watch_) {
        if (Join(ParentOf(root_), name) == root_ || name == root_ || root_.ends_with("/" + name)) rescan.insert("");
        continue;
      }
      const auto folder = folders_.find(event->wd);
      if (folder == folders_.end()) continue;
      const std::string where = folder->second;
      if (event->mask & IN_IGNORED) {
        folders_.erase(folder);
        rescan.insert(where.find('/') == std::string::npos ? "" : ParentOf(where));
      } else if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) {
        rescan.insert("");
      } else if ((event->mask & IN_ISDIR) || name.starts_with("..")) {
        // A sub-folder, or the link that a mount swaps.
        rescan.insert(where);
      } else if (IsYaml(name)) {
        struct stat info {};
        const std::string path = Join(where, name);
        // A new file is complete when its writer closes it; a new link is complete at once.
        const bool created = (event->mask & IN_CREATE) != 0;
        if (created && lstat(Absolute(path).c_str(), &info) == 0 && !S_ISLNK(info.st_mode)) continue;
        read_again.insert(path);
      } else if (event->mask & (IN_CREATE | IN_MOVED_TO)) {
        // A link to a folder is no folder to inotify. Other files, such as an editor's temporary one, mean nothing.
        struct stat info {};
        if (lstat(Absolute(Join(where, name)).c_str(), &info) == 0 && S_ISLNK(info.st_mode)) rescan.insert(where);
      }
    }
  }
  if (rescan.contains("")) rescan = {""};
  for (const std::string& folder : rescan) Rescan(folder, events);
  for (const std::string& path : read_again) ReadFile(path, true, events);
  return events;
}

}  // namespace k8sgw::file
