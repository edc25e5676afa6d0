// Durations that users write and Envoy checks.
#pragma once

#include <google/protobuf/duration.pb.h>

#include <string>
#include <string_view>

#include "src/envoy/reporter.h"

namespace k8sgw::envoy {

// Whether the duration is at least `minimum_ms` milliseconds, and not longer than Envoy can count; otherwise an error
// at `field`.
bool CheckDuration(const google::protobuf::Duration& duration, int64_t minimum_ms, std::string_view field,
                   Reporter& report);

}  // namespace k8sgw::envoy
