#include "src/envoy/duration.h"

namespace k8sgw::envoy {
namespace {

constexpr int64_t kMaxSeconds = 9'000'000'000;

}  // namespace

bool CheckDuration(const google::protobuf::Duration& duration, int64_t minimum_ms, std::string_view field,
                   Reporter& report) {
  // In nanoseconds, of which 64 bits hold 292 years; Envoy refuses what is longer.
  if (duration.seconds() > kMaxSeconds) {
    report.Error(field, "is longer than 9000000000s", "use 9000000000s or less");
    return false;
  }
  if (duration.seconds() > -kMaxSeconds &&
      duration.seconds() * 1'000'000'000 + duration.nanos() >= minimum_ms * 1'000'000) {
    return true;
  }
  const std::string minimum = minimum_ms == 0 ? "0s" : std::to_string(minimum_ms) + "ms";
  report.Error(field, minimum_ms == 0 ? "is negative" : "is shorter than " + minimum, "use " + minimum + " or more");
  return false;
}

}  // namespace k8sgw::envoy
