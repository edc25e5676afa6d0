// Work for a thread that waits for file descriptors, from any other thread.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace k8sgw::http {

// Held by all that post, so that it may outlive who reads it: what comes after Close is dropped.
class Mailbox {
 public:
  Mailbox() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Mailbox() { close(fd_); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Readable when there is something to take.
  int fd() const { return fd_; }
  void Post(std::function<void()> work) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return;
    work_.push_back(std::move(work));
    // Who has not yet taken what stands before it is awake.
    if (work_.size() > 1) return;
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(fd_, &one, sizeof(one));
  }
  std::vector<std::function<void()>> Take() {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = read(fd_, &count, sizeof(count));
    std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(work_, {});
  }
  void Close() {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    work_.clear();
  }

 private:
  const int fd_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<std::function<void()>> work_;
};

}  // namespace k8sgw::http
