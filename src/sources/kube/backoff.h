// How long to wait before the next try.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

namespace k8sgw::kube {

// Uniform in [0, 1). Injected, so that tests repeat.
using RandomFraction = std::function<double()>;

class Backoff {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::milliseconds;

  struct Options {
    Duration first{200};
    Duration longest{10'000};
    // A failure so long after the one before it is the first again.
    Duration forget_after{60'000};
  };

  Backoff(Options options, RandomFraction random) : options_(options), random_(std::move(random)) {}

  // A try failed at `now`. The answer doubles from `first` to `longest`, times 0.5 to 1.5 so that clients spread.
  Duration Next(Time now) {
    if (now - last_ > options_.forget_after) next_ = options_.first;
    last_ = now;
    const Duration wait = next_;
    next_ = std::min(next_ * 2, options_.longest);
    return Jitter(wait);
  }
  Duration Jitter(Duration wait) const { return std::chrono::duration_cast<Duration>(wait * (0.5 + random_())); }

 private:
  Options options_;
  RandomFraction random_;
  Duration next_ = options_.first;
  Time last_{};
};

}  // namespace k8sgw::kube
