// One thread, some file descriptors, signals and deadlines: what `run` and `gloo` live in.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

namespace k8sgw {

class EventLoop {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Blocks SIGINT, SIGTERM and SIGCHLD in this thread, and so in those that are started after it, and ignores SIGPIPE:
  // make the loop before any other thread. `more` are other signals to be told of.
  explicit EventLoop(const std::vector<int>& more = {});
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Calls `on_readable` whenever `fd` has something to read.
  void Watch(int fd, std::function<void()> on_readable);
  void Unwatch(int fd);
  void OnSignal(std::function<void(int signal)> handler) { on_signal_ = std::move(handler); }
  // Asked before each wait: when `on_deadline` must be called at the latest.
  void SetDeadline(std::function<std::optional<Time>()> next, std::function<void(Time now)> on_deadline);

  // Runs `work` on the loop's thread; may be called from any thread.
  void Post(std::function<void()> work);
  void Run();
  // Makes Run return.
  void Quit() { quit_ = true; }

  static Time Now() { return std::chrono::steady_clock::now(); }

 private:
  void ReadSignals();
  void RunPosted();

  int signal_fd_ = -1;
  int wake_fd_ = -1;
  std::map<int, std::function<void()>> watched_;
  std::function<void(int)> on_signal_;
  std::function<std::optional<Time>()> next_deadline_;
  std::function<void(Time)> on_deadline_;
  bool quit_ = false;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
};

}  // namespace k8sgw
