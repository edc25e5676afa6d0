#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "src/base/text.h"
#include "src/sources/kube/client_config.h"

namespace k8sgw::kube {
namespace {

constexpr size_t kMaxFileBytes = 16 << 20;

absl::Status FileError(const std::string& path, int error) {
  const std::string message = Cat(path, ": ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  // Not to wait for the writer of a pipe.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return FileError(path, errno);
  struct stat info {};
  std::string text;
  absl::Status status;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) status = absl::InvalidArgumentError(path + ": is no file");
  char block[65536];
  while (status.ok()) {
    const ssize_t n = read(fd, block, sizeof(block));
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) status = FileError(path, errno);
    if (n > 0) text.append(block, static_cast<size_t>(n));
    if (text.size() > kMaxFileBytes)
      status = absl::InvalidArgumentError(Cat(path, ": is larger than ", kMaxFileBytes, " bytes"));
  }
  close(fd);
  if (!status.ok()) return status;
  return text;
}

}  // namespace

Environment RealEnvironment() {
  return {
      .variable =
          [](const std::string& name) {
            const char* value = std::getenv(name.c_str());
            return std::string(value != nullptr ? value : "");
          },
      .read_file = ReadFile,
  };
}

}  // namespace k8sgw::kube
