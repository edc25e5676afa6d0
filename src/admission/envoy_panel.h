// Asks the real Envoy about changes, on threads of its own: each question takes seconds, for which the pipeline's
// thread has no time.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "src/validation/change_check.h"

namespace k8sgw::admission {

class EnvoyPanel {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // How many Envoys run at once, and how many questions wait for them.
  static constexpr size_t kAtOnce = 2;
  static constexpr size_t kMostWaiting = 64;

  // `envoy` is its path. There are no threads before the first question.
  explicit EnvoyPanel(std::string envoy) : envoy_(std::move(envoy)) {}
  // Ends the Envoys that run. Questions that wait get no answer.
  ~EnvoyPanel();
  EnvoyPanel(const EnvoyPanel&) = delete;
  EnvoyPanel& operator=(const EnvoyPanel&) = delete;

  // `done` gets the answer, by `until` or soon after: on a thread of the panel, or, when too many wait, before this
  // returns. May be called from one thread only.
  void Ask(std::shared_ptr<const validation::ChangeQuestion> question, Time until, std::function<void(Problems)> done);

 private:
  struct Item {
    std::shared_ptr<const validation::ChangeQuestion> question;
    Time until;
    std::function<void(Problems)> done;
  };
  void Run();

  const std::string envoy_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> waiting_;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace k8sgw::admission
