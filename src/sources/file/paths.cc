#include "src/sources/file/paths.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

#include "src/base/text.h"

namespace k8sgw::file {

bool IsYaml(std::string_view name) {
  if (name.starts_with('.') || name.ends_with('~')) return false;
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

std::string Join(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string WithoutTail(std::string path) {
  while (path.size() > 1 && (path.ends_with('/') || path.ends_with("/."))) path.pop_back();
  return path;
}

std::string LinkTarget(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = readlink(path.c_str(), target, sizeof(target));
  if (size <= 0) return "";
  const std::string text(target, static_cast<size_t>(size));
  return text.starts_with('/') ? text : ParentOf(path) + "/" + text;
}

bool IsBelow(const std::string& path, const std::set<std::string>& folders) {
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return folder.empty() || path == folder || path.starts_with(folder + "/");
  });
}

bool Missing(int error) { return error == ENOENT || error == ENOTDIR; }

std::string ReadAll(const std::string& path, std::string* content) {
  const std::string too_large = Cat("the file has more than ", kMaxFileBytes >> 20, " MiB");
  // Opened without waiting: a pipe may have taken the place of the file in the meantime.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::strerror(errno);
  struct stat info {};
  std::string problem;
  if (fstat(fd, &info) != 0) {
    problem = std::strerror(errno);
  } else if (!S_ISREG(info.st_mode)) {
    problem = "it is no regular file";
  } else if (info.st_size > kMaxFileBytes) {
    problem = too_large;
  }
  size_t size = 0;
  if (problem.empty()) content->resize(static_cast<size_t>(info.st_size) + 1);
  while (problem.empty()) {
    const ssize_t n = read(fd, content->data() + size, content->size() - size);
    if (n == 0) break;
    if (n < 0 && errno != EINTR) problem = std::strerror(errno);
    if (n > 0) size += static_cast<size_t>(n);
    if (size > static_cast<size_t>(kMaxFileBytes)) problem = too_large;
    if (size == content->size()) content->resize(size * 2);
  }
  close(fd);
  content->resize(size);
  return problem;
}

}  // namespace k8sgw::file
