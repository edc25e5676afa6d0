#include "src/cmd/event_loop.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>

namespace k8sgw {

EventLoop::EventLoop(const std::vector<int>& more) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&set, signal);
  for (int signal : more) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal_fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  Watch(signal_fd_, [this] { ReadSignals(); });
  Watch(wake_fd_, [this] { RunPosted(); });
}

EventLoop::~EventLoop() {
  close(signal_fd_);
  close(wake_fd_);
}

void EventLoop::Watch(int fd, std::function<void()> on_readable) { watched_[fd] = std::move(on_readable); }

void EventLoop::Unwatch(int fd) { watched_.erase(fd); }

void EventLoop::SetDeadline(std::function<std::optional<Time>()> next, std::function<void(Time)> on_deadline) {
  next_deadline_ = std::move(next);
  on_deadline_ = std::move(on_deadline);
}

void EventLoop::Post(std::function<void()> work) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    posted_.push_back(std::move(work));
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(wake_fd_, &one, sizeof(one));
}

void EventLoop::ReadSignals() {
  signalfd_siginfo info;
  while (read(signal_fd_, &info, sizeof(info)) == sizeof(info)) {
    if (on_signal_) on_signal_(static_cast<int>(info.ssi_signo));
  }
}

void EventLoop::RunPosted() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = read(wake_fd_, &count, sizeof(count));
  std::vector<std::function<void()>> work;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    work.swap(posted_);
  }
  for (auto& item : work) item();
}

void EventLoop::Run() {
  quit_ = false;
  while (!quit_) {
    std::vector<pollfd> fds;
    for (const auto& [fd, callback] : watched_) fds.push_back({fd, POLLIN, 0});
    int timeout_ms = -1;
    if (const auto deadline = next_deadline_ ? next_deadline_() : std::nullopt) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Now()).count();
      timeout_ms = static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
    }
    poll(fds.data(), fds.size(), timeout_ms);
    for (const pollfd& ready : fds) {
      if (ready.revents == 0) continue;
      // A callback may unwatch others.
      const auto it = watched_.find(ready.fd);
      if (it == watched_.end()) continue;
      const auto callback = it->second;
      callback();
    }
    if (on_deadline_) {
      const auto deadline = next_deadline_();
      if (deadline && *deadline <= Now()) on_deadline_(Now());
    }
  }
}

}  // namespace k8sgw
