// Puts something between an Envoy and its control plane.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"

namespace k8sgw::bootstrap {

// Where an Envoy found its control plane.
struct ControlPlanePlace {
  // The name of the cluster, which an Envoy gives as the name of the host.
  std::string cluster;
  // "gloo:9977"; empty with a tunnel.
  std::string target;
  // When the cluster has TLS: the bootstrap of an Envoy that has it in place of this one (tunnel.h).
  std::optional<yaml::Node> tunnel;
};

// Lets the cluster of ADS lead to `socket` of this machine instead, without TLS; what it adds to requests, such as a
// token, stays. The tunnel, if one is needed, takes bytes at `tunnel_socket`. Errors, with the line and how to mend it:
// there is no ADS over gRPC by a static cluster, or, without TLS, it has more than one address.
absl::StatusOr<ControlPlanePlace> DivertXds(yaml::Node& tree, const std::string& socket,
                                            const std::string& tunnel_socket);

}  // namespace k8sgw::bootstrap
