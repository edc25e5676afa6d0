// A bound on calls to the API server: a token bucket. Pure; the caller brings the time.
#pragma once

#include <algorithm>
#include <chrono>

namespace k8sgw::kube {

// Both are above 0.
struct CallRate {
  // In the long run.
  double per_second = 50;
  // At once after a rest; at least one call is.
  double burst = 100;

  bool operator==(const CallRate&) const = default;
};

class CallLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit CallLimit(CallRate rate, Time now = {}) : rate_(rate), tokens_(Most()), at_(now) {}

  // Counts from the last call of Ready on; what was saved up stays, as far as the new burst goes.
  void Set(CallRate rate) {
    rate_ = rate;
    tokens_ = std::min(tokens_, Most());
  }
  // Whether a call may be made now.
  bool Ready(Time now) {
    tokens_ = std::min(Most(), tokens_ + std::chrono::duration<double>(now - at_).count() * rate_.per_second);
    at_ = now;
    return tokens_ >= 1;
  }
  // A call is made.
  void Take() { tokens_ -= 1; }
  // When the next call may be made, as of the last call of Ready.
  Time next() const {
    const std::chrono::duration<double> missing(std::max(0., 1 - tokens_) / rate_.per_second);
    return at_ + std::chrono::ceil<std::chrono::microseconds>(missing);
  }

 private:
  double Most() const { return std::max(1., rate_.burst); }

  CallRate rate_;
  double tokens_;
  Time at_;
};

}  // namespace k8sgw::kube
