#include "src/sources/kube/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <future>

namespace k8sgw::kube {

Loop::Loop()
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      timer_fd_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  Watch(timer_fd_, EPOLLIN, [this](uint32_t) { RunTimers(); });
  Watch(wake_fd_, EPOLLIN, [this](uint32_t) { RunPosted(); });
}

Loop::~Loop() {
  close(wake_fd_);
  close(timer_fd_);
  close(epoll_fd_);
}

void Loop::Watch(int fd, uint32_t events, std::function<void(uint32_t)> ready) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  const bool known = watched_.contains(fd);
  watched_[fd] = std::move(ready);
  epoll_ctl(epoll_fd_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
}

void Loop::Unwatch(int fd) {
  if (watched_.erase(fd) > 0) epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

Loop::TimerId Loop::At(Time when, std::function<void()> what) {
  const TimerId id{when, ++last_timer_};
  timers_.emplace(id, std::move(what));
  if (!stepping_) Arm();
  return id;
}

void Loop::Cancel(const TimerId& timer) { timers_.erase(timer); }

void Loop::Arm() {
  if (timers_.empty()) return;
  const Time first = timers_.begin()->first.first;
  if (armed_ && *armed_ <= first) return;
  armed_ = first;
  // Zero would disarm it.
  const auto ns = std::max<int64_t>(1, std::chrono::duration_cast<std::chrono::nanoseconds>(first - Now()).count());
  itimerspec spec{};
  spec.it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  timerfd_settime(timer_fd_, 0, &spec, nullptr);
}

void Loop::RunTimers() {
  uint64_t count = 0;
  if (read(timer_fd_, &count, sizeof(count)) > 0) armed_.reset();
  // Those that are set while these run wait for the next turn, so that nobody else starves.
  const Time now = Now();
  const uint64_t last = last_timer_;
  for (auto it = timers_.begin(); it != timers_.end() && it->first.first <= now;) {
    if (it->first.second > last) {
      ++it;
      continue;
    }
    const auto what = std::move(it->second);
    timers_.erase(it);
    what();
    it = timers_.begin();
  }
}

void Loop::Post(std::function<void()> work) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    posted_.push_back(std::move(work));
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(wake_fd_, &one, sizeof(one));
}

void Loop::RunPosted() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = read(wake_fd_, &count, sizeof(count));
  std::vector<std::function<void()>> work;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    work.swap(posted_);
  }
  for (auto& item : work) item();
}

void Loop::Step(int timeout_ms) {
  epoll_event events[64];
  const int count = epoll_wait(epoll_fd_, events, std::size(events), timeout_ms);
  stepping_ = true;
  for (int i = 0; i < count; ++i) {
    // A callback may let go of others, and of itself.
    const auto it = watched_.find(events[i].data.fd);
    if (it == watched_.end()) continue;
    const auto ready = it->second;
    ready(events[i].events);
  }
  stepping_ = false;
  Arm();
}

void Loop::Run() {
  while (!quit_) Step(-1);
}

void Loop::Quit() {
  Post([this] { quit_ = true; });
}

void LoopThread::Do(const std::function<void()>& work) {
  std::promise<void> done;
  loop_.Post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace k8sgw::kube
