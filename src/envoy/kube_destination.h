// A port of a Service that routes lead to without an Upstream: `kube: {ref, port}`.
#pragma once

#include <string>

#include "src/model/kubernetes.h"
#include "src/model/objects.h"

namespace k8sgw::envoy {

struct KubeDestination {
  ServiceRef service;
  uint32_t port = 0;

  auto operator<=>(const KubeDestination&) const = default;
  std::string ToString() const { return service.ToString() + ":" + std::to_string(port); }
  // The Upstream that stands for it, which no user can write: `kube-svc:<namespace>-<name>-<port>`.
  UpstreamRef upstream() const;
};

const core::ServicePort* FindPort(const core::Service& service, uint32_t port);

// Fills in the Upstream that stands for a port.
void DescribeDestination(const KubeDestination& destination, const Object<core::Service>& service,
                         gloov1::Upstream* out);

}  // namespace k8sgw::envoy
