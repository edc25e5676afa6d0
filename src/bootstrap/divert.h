// Puts something between an Envoy and its control plane.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"

namespace k8sgw::bootstrap {

// Lets the cluster of ADS lead to a socket of this machine instead, without TLS; what it adds to requests, such as a
// token, stays. Returns where it led to: "gloo:9977". Errors, with the line and how to mend it: there is no ADS over
// gRPC by a static cluster, it has TLS or more than one address.
absl::StatusOr<std::string> DivertXds(yaml::Node& tree, const std::string& socket);

}  // namespace k8sgw::bootstrap
