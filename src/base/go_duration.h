// Durations as users of Kubernetes write them: Go's notation.
#pragma once

#include <google/protobuf/duration.pb.h>

#include <cstdint>
#include <string_view>

namespace k8sgw {

// 292 years: Go and Envoy count nanoseconds in 64 bits, and Envoy refuses a longer duration anywhere.
inline constexpr int64_t kMostDurationSeconds = INT64_MAX / 1'000'000'000;

// "1.5s", "1h30m", "-250ms", "10us", "0"; false when the text is no duration, or kMostDurationSeconds and more.
bool ParseGoDuration(std::string_view text, google::protobuf::Duration* out);

}  // namespace k8sgw
