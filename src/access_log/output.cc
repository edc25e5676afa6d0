#include "src/access_log/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "src/base/text.h"

namespace k8sgw::access_log {
namespace {

// Bytes that were written; errno says why they are not all.
size_t WriteAll(int fd, std::string_view bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
    if (n > 0) done += static_cast<size_t>(n);
    if (n == 0) errno = ENOSPC;
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) break;
    if (n < 0 && errno == EAGAIN) {
      pollfd waiting{fd, POLLOUT, 0};
      poll(&waiting, 1, -1);
    }
  }
  return done;
}

}  // namespace

Output::~Output() { Close(); }

void Output::Close() {
  if (fd_ > STDERR_FILENO) close(fd_);
  fd_ = -1;
}

absl::Status Output::Failed(std::string_view what, int error) const {
  return absl::UnavailableError(Cat(name(), " cannot be ", what, ": ", std::strerror(error)));
}

absl::Status Output::Open() {
  if (fd_ >= 0) return absl::OkStatus();
  fd_ = options_.path.empty() ? STDOUT_FILENO
                              : open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  struct stat info {};
  if (fd_ < 0 || fstat(fd_, &info) != 0) {
    const int error = errno;
    Close();
    return Failed("opened", error);
  }
  // What is redirected to a file is not ours to cut or to rename.
  regular_ = S_ISREG(info.st_mode) && !options_.path.empty();
  size_ = regular_ ? info.st_size : 0;
  return absl::OkStatus();
}

bool Output::Moved() const {
  struct stat there {};
  struct stat ours {};
  if (!regular_ || fstat(fd_, &ours) != 0) return false;
  return stat(options_.path.c_str(), &there) != 0 || there.st_ino != ours.st_ino || there.st_dev != ours.st_dev;
}

absl::Status Output::Rotate() {
  Close();
  const auto numbered = [this](int number) { return number == 0 ? options_.path : Cat(options_.path, ".", number); };
  absl::Status status;
  if (options_.files == 0 && unlink(options_.path.c_str()) != 0) status = Failed("removed", errno);
  for (int number = options_.files; number > 0; --number) {
    // The oldest is replaced; those that are missing are none.
    if (rename(numbered(number - 1).c_str(), numbered(number).c_str()) != 0 && errno != ENOENT)
      status = Failed("renamed", errno);
  }
  return status;
}

absl::Status Output::Prepare(size_t bytes) {
  if (fd_ >= 0 && Moved()) Close();
  if (absl::Status status = Open(); !status.ok()) return status;
  if (!regular_ || size_ == 0 || size_ + static_cast<int64_t>(bytes) <= options_.max_bytes) return absl::OkStatus();
  if (absl::Status status = Rotate(); !status.ok()) return status;
  return Open();
}

absl::Status Output::Write(std::string_view lines) {
  if (absl::Status status = Prepare(lines.size()); !status.ok()) return status;
  // So that a cut line does not take the next one with it.
  if (cut_ && WriteAll(fd_, "\n") == 1) cut_ = false;
  const size_t written = WriteAll(fd_, lines);
  const int error = errno;
  if (written == lines.size()) {
    size_ += static_cast<int64_t>(written);
    return absl::OkStatus();
  }
  if (regular_) {
    if (ftruncate(fd_, size_) != 0) cut_ = written > 0;
  } else {
    cut_ = cut_ || written > 0;
  }
  return Failed("written", error);
}

}  // namespace k8sgw::access_log
