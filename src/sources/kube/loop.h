// File descriptors, timers and posted work behind one descriptor: a Loop runs on a thread of its own (LoopThread), or
// within another loop that polls fd() and calls Process. Everything but Post belongs to the thread that runs it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace k8sgw::kube {

class Loop {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using TimerId = std::pair<Time, uint64_t>;

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  static Time Now() { return std::chrono::steady_clock::now(); }

  // Calls `ready` with what is ready of `events` (EPOLLIN, EPOLLOUT); a second call for the same descriptor replaces
  // the first. A descriptor must be let go before it is closed.
  void Watch(int fd, uint32_t events, std::function<void(uint32_t events)> ready);
  void Unwatch(int fd);
  TimerId At(Time when, std::function<void()> what);
  // What has run already is no error.
  void Cancel(const TimerId& timer);
  // From any thread: runs `work` on the loop's. What is posted when the loop has ended is never run.
  void Post(std::function<void()> work);

  // Readable when Process has something to do.
  int fd() const { return epoll_fd_; }
  // Does what is due; never waits.
  void Process() { Step(0); }
  // Until Quit, which may be called from any thread.
  void Run();
  void Quit();

 private:
  void Step(int timeout_ms);
  void RunPosted();
  void RunTimers();
  // So that the timer's descriptor is ready when the first timer is due, or earlier.
  void Arm();

  int epoll_fd_ = -1;
  int timer_fd_ = -1;
  int wake_fd_ = -1;
  std::map<int, std::function<void(uint32_t)>> watched_;
  std::map<TimerId, std::function<void()>> timers_;
  uint64_t last_timer_ = 0;
  // What the timer's descriptor is set to; nullopt when it is not. libcurl sets and cancels timers all the time, so it
  // is set within a step only at its end, and never to a later time.
  std::optional<Time> armed_;
  bool stepping_ = false;
  bool quit_ = false;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
};

// A loop on a thread of its own, which ends with the object.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop_.Run(); }) {}
  ~LoopThread() {
    loop_.Quit();
    thread_.join();
  }
  Loop& loop() { return loop_; }
  // Runs `work` there and waits for its end.
  void Do(const std::function<void()>& work);

 private:
  Loop loop_;
  std::thread thread_;
};

}  // namespace k8sgw::kube
