#include "src/cmd/memory_file.h"

#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace k8sgw {

absl::StatusOr<std::unique_ptr<MemoryFile>> MemoryFile::Make(const yaml::Node& tree) {
  const std::string json = yaml::EmitJson(tree, 0);
  std::unique_ptr<MemoryFile> file(new MemoryFile(memfd_create("bootstrap", MFD_CLOEXEC)));
  if (file->fd_ < 0 || write(file->fd_, json.data(), json.size()) != static_cast<ssize_t>(json.size()))
    return absl::UnavailableError(fmt::format("the bootstrap cannot be handed over: {}", std::strerror(errno)));
  lseek(file->fd_, 0, SEEK_SET);
  return file;
}

MemoryFile::~MemoryFile() {
  if (fd_ >= 0) close(fd_);
}

std::string MemoryFile::Path() const { return fmt::format("/dev/fd/{}", fd_); }

}  // namespace k8sgw
