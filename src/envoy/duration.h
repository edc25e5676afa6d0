// Durations that users write and Envoy checks.
#pragma once

#include <google/protobuf/duration.pb.h>

#include <string>
#include <string_view>

#include "src/envoy/reporter.h"

namespace k8sgw::envoy {

// Whether the duration is at least `minimum_ms` milliseconds; otherwise an error at `field`. Longer ones than Envoy can
// count are refused when they are decoded.
bool CheckDuration(const google::protobuf::Duration& duration, int64_t minimum_ms, std::string_view field,
                   Reporter& report);

}  // namespace k8sgw::envoy
