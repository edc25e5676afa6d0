#include "src/envoy/duration.h"

#include <algorithm>

#include "src/base/go_duration.h"

namespace k8sgw::envoy {

bool CheckDuration(const google::protobuf::Duration& duration, int64_t minimum_ms, std::string_view field,
                   Reporter& report) {
  constexpr int64_t kMost = kMostDurationSeconds - 1;
  const int64_t seconds = std::clamp(duration.seconds(), -kMost, kMost);
  if (seconds * 1'000'000'000 + duration.nanos() >= minimum_ms * 1'000'000) return true;
  const std::string minimum = minimum_ms == 0 ? "0s" : std::to_string(minimum_ms) + "ms";
  report.Error(field, minimum_ms == 0 ? "is negative" : "is shorter than " + minimum, "use " + minimum + " or more");
  return false;
}

}  // namespace k8sgw::envoy
