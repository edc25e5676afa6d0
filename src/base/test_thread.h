// For tests: a thread that does what it is given, in order, as the one that owns a pipeline does.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace k8sgw::testing {

class TestThread {
 public:
  TestThread() : thread_([this] { Run(); }) {}
  ~TestThread() {
    Post(nullptr);
    thread_.join();
  }

  void Post(std::function<void()> work) {
    std::lock_guard<std::mutex> lock(mutex_);
    work_.push_back(std::move(work));
    wake_.notify_one();
  }
  // Runs it there, and waits.
  void Do(const std::function<void()>& work) {
    std::mutex done;
    done.lock();
    Post([&] {
      work();
      done.unlock();
    });
    done.lock();
  }

 private:
  void Run() {
    while (true) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return !work_.empty(); });
      const auto work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      if (!work) return;
      work();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> work_;
  std::thread thread_;
};

}  // namespace k8sgw::testing
