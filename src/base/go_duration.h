// Durations as users of Kubernetes write them: Go's notation.
#pragma once

#include <google/protobuf/duration.pb.h>

#include <string_view>

namespace k8sgw {

// "1.5s", "1h30m", "-250ms", "10us", "0"; false when the text is no duration or too long for one (±10,000 years).
bool ParseGoDuration(std::string_view text, google::protobuf::Duration* out);

}  // namespace k8sgw
