#include "src/envoy/kube_destination.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>

#include "api/gloo/v1/upstream.proto.h"
#include "api/options/kubernetes.proto.h"
#include "src/base/text.h"

namespace k8sgw::envoy {
namespace {

bool SpeaksHttp2(const core::ServicePort& port) {
  for (std::string_view protocol : {"http2", "grpc", "grpc-web", "kubernetes.io/h2c"}) {
    if (port.app_protocol == protocol) return true;
  }
  return port.name.starts_with("grpc") || port.name.starts_with("h2") || port.name.starts_with("http2");
}

}  // namespace

UpstreamRef KubeDestination::upstream() const {
  return {service.ns, Cat("kube-svc:", service.ns.str(), "-", service.name.str(), "-", port)};
}

const core::ServicePort* FindPort(const core::Service& service, uint32_t port) {
  const auto found = std::ranges::find(service.ports, port, &core::ServicePort::port);
  return found == service.ports.end() ? nullptr : &*found;
}

void DescribeDestination(const KubeDestination& destination, const Object<core::Service>& service,
                         gloov1::Upstream* out) {
  auto& kube = *out->mutable_kube();
  kube.set_service_name(destination.service.name.str());
  kube.set_service_namespace(destination.service.ns.str());
  kube.set_service_port(destination.port);
  const core::ServicePort* port = FindPort(service.spec, destination.port);
  if (port && SpeaksHttp2(*port)) out->mutable_use_http2()->set_value(true);
}

}  // namespace k8sgw::envoy
