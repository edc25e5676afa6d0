// A thread that does what it is given, one after the other: for what would hold up the threads that serve.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace k8sgw::admin {

class Worker {
 public:
  // So many may wait.
  explicit Worker(size_t most_waiting) : most_waiting_(most_waiting), thread_([this] { Run(); }) {}
  // What waits is not done any more.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // False when too many wait. From any thread.
  bool Do(std::function<void()> work);

 private:
  void Run();

  const size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> work_;  // these are guarded by mutex_
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace k8sgw::admin
