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

// Whether this is the `upstream()` of some destination.
bool IsDestination(const UpstreamRef& ref);

// What users know it as: the Upstream, or the Service of a destination.
ResourceKey ObjectOf(const UpstreamRef& ref);

// nullptr when there is none. The same number may stand for TCP and UDP; then it is that of TCP.
const core::ServicePort* FindPort(const core::Service& service, uint32_t port);

}  // namespace k8sgw::envoy
