// A virtual clock: what is to happen, in the order of its time. Nothing waits, and equal times keep their order.
#pragma once

#include <chrono>
#include <functional>
#include <map>

namespace k8sgw::sim {

class Clock {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::milliseconds;
  // Not zero, which some take for "never".
  static constexpr Time kBegin{std::chrono::hours(1)};

  Time now() const { return now_; }
  void After(Duration delay, std::function<void()> what) { events_.emplace(now_ + delay, std::move(what)); }
  // Does the next thing; false when there is none.
  bool Step() {
    if (events_.empty()) return false;
    auto next = events_.extract(events_.begin());
    now_ = std::max(now_, next.key());
    next.mapped()();
    return true;
  }

 private:
  Time now_ = kBegin;
  std::multimap<Time, std::function<void()>> events_;
};

}  // namespace k8sgw::sim
