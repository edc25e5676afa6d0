#include "src/sources/file/watcher.h"

#include <dirent.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "src/base/text.h"
#include "src/sources/file/paths.h"

namespace k8sgw::file {
namespace {

constexpr uint32_t kEntryEvents = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM;
constexpr uint32_t kSelfEvents = IN_DELETE_SELF | IN_MOVE_SELF;
constexpr uint32_t kFolderEvents = IN_CLOSE_WRITE | IN_ATTRIB | kEntryEvents | kSelfEvents | IN_ONLYDIR;
// A folder above may be one of those below, by a link: its events are added to what is watched there.
constexpr uint32_t kAboveEvents = kEntryEvents | kSelfEvents | IN_ONLYDIR | IN_MASK_ADD;
constexpr uint32_t kLinkEvents = IN_CLOSE_WRITE | IN_ATTRIB | kSelfEvents;

}  // namespace

// One walk over the tree, and what it found.
struct DirectoryWatcher::Walk {
  Walk(const std::set<std::string>& moved_paths, std::vector<FileEvent>& out) : moved(moved_paths), events(out) {}

  const std::set<std::string>& moved;
  std::vector<FileEvent>& events;
  Watches folders;
  Watches links;
  std::set<std::string> files;
  // Folders of which something must be said, and those whose content is unknown.
  std::set<std::string> bad_folders;
  std::set<std::string> unread;
  // The folders that lead to the present one: a link to one of them is a loop.
  std::vector<std::pair<dev_t, ino_t>> way;
  // The ways of links that are watched.
  std::set<std::string> ways;
  int count = 0;
};

// What a batch of events asks for.
struct DirectoryWatcher::Pending {
  void LookAgain(const std::string& path) {
    rescan = true;
    moved.insert(path);
  }
  void LookAgain(const std::set<std::string>& paths) {
    rescan = true;
    moved.insert(paths.begin(), paths.end());
  }

  bool rescan = false;
  // What may have led elsewhere for a while, with all that is below; "" is everything. There, events were taken for
  // those of other paths, or files were missed.
  std::set<std::string> moved;
  std::set<std::string> read;
};

DirectoryWatcher::DirectoryWatcher(std::string root, std::function<bool(std::string_view)> counts)
    : root_(WithoutTail(std::move(root))),
      counts_(counts ? std::move(counts) : IsYaml),
      fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

DirectoryWatcher::~DirectoryWatcher() {
  if (fd_ >= 0) close(fd_);
}

std::vector<FileEvent> DirectoryWatcher::Start() {
  std::vector<FileEvent> events;
  if (fd_ < 0) {
    events.push_back(
        {FileEvent::Kind::kUnreadable, "",
         Cat("changes of files are not noticed: ", std::strerror(errno), " (see fs.inotify.max_user_instances)")});
  }
  Rescan({""}, events);
  return events;
}

// What `path` leads to may vanish, come back and be exchanged: the nearest folder above that exists tells, and of each
// link on the way, the folder in which it stands.
void DirectoryWatcher::WatchWay(const std::string& path, std::set<std::string>& done) {
  std::vector<std::string> passed;
  std::string nearest;
  int attempts = 3;
  for (std::string child = path; child != "/" && NameOf(child) != "." && NameOf(child) != "..";
       child = ParentOf(child)) {
    if (done.contains(child)) break;
    passed.push_back(child);
    const std::string target = LinkTarget(child);
    if (!nearest.empty() && target.empty()) continue;
    const int watch = inotify_add_watch(fd_, ParentOf(child).c_str(), kAboveEvents);
    if (watch < 0) continue;
    above_[watch].insert(NameOf(child));
    if (nearest.empty() && child != path && access(child.c_str(), F_OK) == 0 && --attempts > 0) {
      // It came between the watch that failed and this one: once more.
      child = path + "/.";
      continue;
    }
    if (nearest.empty()) nearest = child;
  }
  done.insert(passed.begin(), passed.end());
  for (const std::string& child : passed) {
    if (const std::string target = LinkTarget(child); !target.empty()) WatchWay(target, done);
  }
}

void DirectoryWatcher::DropUnused(const Watches& old) const {
  for (const auto& [watch, paths] : old) {
    if (!above_.contains(watch) && !folders_.contains(watch) && !links_.contains(watch)) inotify_rm_watch(fd_, watch);
  }
}

void DirectoryWatcher::Refuse(const std::string& path, std::string why, std::vector<FileEvent>& events) {
  files_[path] = false;
  events.push_back({FileEvent::Kind::kUnreadable, path, "cannot be read: " + std::move(why)});
}

bool DirectoryWatcher::HasFilesBelow(const std::string& folder) const {
  const auto first = files_.lower_bound(folder + "/");
  return first != files_.end() && first->first.starts_with(folder + "/");
}

void DirectoryWatcher::Forget(const std::string& path, std::vector<FileEvent>& events) {
  if (files_.erase(path) > 0) events.push_back({FileEvent::Kind::kGone, path, ""});
}

void DirectoryWatcher::ReadFile(const std::string& path, std::vector<FileEvent>& events) {
  const std::string absolute = Absolute(path);
  struct stat info {};
  // Looked at before it is opened: to open a device can have effects.
  if (stat(absolute.c_str(), &info) != 0) {
    return Missing(errno) ? Forget(path, events) : Refuse(path, std::strerror(errno), events);
  }
  if (S_ISDIR(info.st_mode)) return Forget(path, events);
  if (!S_ISREG(info.st_mode)) return Refuse(path, "it is no regular file", events);
  std::string content;
  if (std::string problem = ReadAll(absolute, &content); !problem.empty())
    return Refuse(path, std::move(problem), events);
  files_[path] = true;
  events.push_back({FileEvent::Kind::kContent, path, std::move(content)});
}

bool DirectoryWatcher::WatchFolder(const std::string& folder, Walk& walk) {
  const int watch = inotify_add_watch(fd_, Absolute(folder).c_str(), kFolderEvents);
  if (watch < 0) {
    if (fd_ < 0 || Missing(errno)) return false;
    walk.bad_folders.insert(folder);
    walk.events.push_back(
        {FileEvent::Kind::kUnreadable, folder,
         Cat("changes in this folder are not noticed: ", std::strerror(errno), " (see fs.inotify.max_user_watches)")});
    return false;
  }
  walk.folders[watch].insert(folder);
  const auto known = folders_.find(watch);
  return known != folders_.end() && known->second.contains(folder) && !IsBelow(folder, walk.moved);
}

bool DirectoryWatcher::WatchLink(const std::string& path, Walk& walk) {
  WatchWay(Absolute(path), walk.ways);
  const int watch = inotify_add_watch(fd_, Absolute(path).c_str(), kLinkEvents);
  if (watch < 0) return false;
  walk.links[watch].insert(path);
  const auto known = links_.find(watch);
  return known != links_.end() && known->second.contains(path) && !IsBelow(path, walk.moved);
}

void DirectoryWatcher::ScanFolder(const std::string& folder, int depth, Walk& walk) {
  const std::string absolute = Absolute(folder);
  const auto refuse = [&](std::string why) {
    walk.unread.insert(folder);
    walk.bad_folders.insert(folder);
    walk.events.push_back({FileEvent::Kind::kUnreadable, folder, "the folder cannot be read: " + std::move(why)});
  };
  struct stat info {};
  if (stat(absolute.c_str(), &info) != 0) return Missing(errno) ? void() : refuse(std::strerror(errno));
  if (depth > kMaxFolderDepth || !S_ISDIR(info.st_mode)) return;
  const std::pair<dev_t, ino_t> identity(info.st_dev, info.st_ino);
  if (std::find(walk.way.begin(), walk.way.end(), identity) != walk.way.end()) return;
  if (++walk.count == kMaxFolders + 1) return refuse(Cat("there are more than ", kMaxFolders, " folders"));
  if (walk.count > kMaxFolders) return void(walk.unread.insert(folder));
  // The watch comes first, so that nothing falls between the scan and the first event.
  const bool trusted = WatchFolder(folder, walk);
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(absolute.c_str()), closedir);
  if (!dir) return Missing(errno) ? void() : refuse(std::strerror(errno));
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir.get())) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  walk.way.push_back(identity);
  for (const std::string& name : names) ScanEntry(Join(folder, name), depth, trusted, walk);
  walk.way.pop_back();
}

// A regular file in a folder that was watched all the time is left alone: it is read when its writer is done with it,
// which its own event tells. Now it may be half-written.
void DirectoryWatcher::ScanEntry(const std::string& path, int depth, bool trusted, Walk& walk) {
  const std::string absolute = Absolute(path);
  struct stat info {};
  const bool counts = counts_(NameOf(path));
  if (stat(absolute.c_str(), &info) != 0) {
    // A link to nothing is nothing yet; anything else is there and cannot be read.
    if (Missing(errno)) return WatchWay(absolute, walk.ways);
    if (!counts) return HasFilesBelow(path) ? ScanFolder(path, depth + 1, walk) : void();
  } else if (S_ISDIR(info.st_mode)) {
    if (!LinkTarget(absolute).empty()) WatchWay(absolute, walk.ways);
    return ScanFolder(path, depth + 1, walk);
  }
  if (!counts) return;
  walk.files.insert(path);
  // What has other names may be written under one of them.
  if (info.st_nlink > 1 || !LinkTarget(absolute).empty()) trusted = WatchLink(path, walk);
  const auto known = files_.find(path);
  if (trusted && (known == files_.end() || known->second)) return;
  ReadFile(path, walk.events);
}

void DirectoryWatcher::Rescan(const std::set<std::string>& moved, std::vector<FileEvent>& events) {
  const Watches old_above = std::exchange(above_, {});
  Walk walk(moved, events);
  WatchWay(root_, walk.ways);
  ScanFolder("", 0, walk);
  std::vector<std::string> gone;
  for (const auto& [path, readable] : files_) {
    if (!walk.files.contains(path) && !IsBelow(path, walk.unread)) gone.push_back(path);
  }
  for (const std::string& path : gone) Forget(path, events);
  for (const std::string& folder : bad_folders_) {
    if (!walk.bad_folders.contains(folder)) events.push_back({FileEvent::Kind::kGone, folder, ""});
  }
  bad_folders_ = std::move(walk.bad_folders);
  const auto replace = [&](Watches& watches, Watches& now) {
    for (const auto& [watch, paths] : watches) {
      for (const std::string& path : paths) {
        if (IsBelow(path, walk.unread) && !now.contains(watch)) now[watch].insert(path);
      }
    }
    return std::exchange(watches, std::move(now));
  };
  const Watches old_folders = replace(folders_, walk.folders);
  const Watches old_links = replace(links_, walk.links);
  DropUnused(old_above);
  DropUnused(old_folders);
  DropUnused(old_links);
}

void DirectoryWatcher::TakeFolderEvent(const std::string& folder, uint32_t mask, const std::string& name,
                                       Pending& pending) {
  const std::string path = Join(folder, name);
  struct stat info {};
  const bool came = (mask & (IN_CREATE | IN_MOVED_TO)) && lstat(Absolute(path).c_str(), &info) == 0;
  // A new name of an old file: from now on it can be written under either.
  if (came && S_ISREG(info.st_mode) && info.st_nlink > 1) pending.LookAgain(path);
  if (mask & kSelfEvents) {
    pending.LookAgain(folder);
  } else if ((mask & IN_ISDIR) || ((mask & kEntryEvents) && !LinkTarget(Absolute(path)).empty())) {
    pending.LookAgain(name.empty() ? folder : path);
  } else if (!counts_(name)) {
    // A link to a folder is no folder to inotify. Files of editors come and go without being looked for.
    if ((mask & (IN_DELETE | IN_MOVED_FROM)) && HasFilesBelow(path)) pending.LookAgain(path);
  } else if (mask & IN_ATTRIB) {
    // Only who could not read it cares who may; besides, it may be half-written.
    const auto known = files_.find(path);
    if (known != files_.end() && !known->second) pending.read.insert(path);
  } else if (mask & IN_CREATE) {
    // A new file is complete when its writer closes it, which is another event.
    if (came && !S_ISREG(info.st_mode)) pending.read.insert(path);
  } else {
    pending.read.insert(path);
  }
}

void DirectoryWatcher::Take(int watch, uint32_t mask, const std::string& name, Pending& pending) {
  if (mask & IN_Q_OVERFLOW) {
    // Nothing is known for sure any more.
    pending.LookAgain("");
    return;
  }
  if (const auto above = above_.find(watch); above != above_.end()) {
    const bool named = above->second.contains(name) && (mask & kEntryEvents);
    if (named || (mask & (kSelfEvents | IN_IGNORED))) pending.LookAgain("");
    if (mask & IN_IGNORED) above_.erase(above);
  }
  if (const auto link = links_.find(watch); link != links_.end()) {
    if (mask & IN_CLOSE_WRITE) {
      pending.read.insert(link->second.begin(), link->second.end());
    } else {
      pending.LookAgain(link->second);
    }
    if (mask & IN_IGNORED) links_.erase(link);
  }
  if (const auto folder = folders_.find(watch); folder != folders_.end()) {
    if (mask & IN_IGNORED) {
      pending.LookAgain(folder->second);
      folders_.erase(folder);
      return;
    }
    for (const std::string& path : folder->second) TakeFolderEvent(path, mask, name, pending);
  }
}

std::vector<FileEvent> DirectoryWatcher::Poll() {
  std::vector<FileEvent> events;
  Pending pending;
  alignas(inotify_event) char buffer[64 << 10];
  for (ssize_t size; (size = read(fd_, buffer, sizeof(buffer))) > 0;) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      Take(event->wd, event->mask, event->len > 0 ? event->name : "", pending);
    }
  }
  if (pending.rescan) Rescan(pending.moved, events);
  // Paths that led to files before may lead astray now, through a link that takes the place of a folder.
  std::set<std::string> folders;
  if (!pending.read.empty()) {
    for (const auto& [watch, paths] : folders_) folders.insert(paths.begin(), paths.end());
  }
  for (const std::string& path : pending.read) {
    const size_t slash = path.rfind('/');
    if (folders.contains(path.substr(0, slash == std::string::npos ? 0 : slash))) ReadFile(path, events);
  }
  return events;
}

}  // namespace k8sgw::file
