#include "src/envoy/kube_destination.h"

#include "src/base/text.h"

namespace k8sgw::envoy {
namespace {

constexpr std::string_view kPrefix = "kube-svc:";

}  // namespace

UpstreamRef KubeDestination::upstream() const {
  return {service.ns, Cat(kPrefix, service.ns.str(), "-", service.name.str(), "-", port)};
}

bool IsDestination(const UpstreamRef& ref) { return ref.name.str().starts_with(kPrefix); }

ResourceKey ObjectOf(const UpstreamRef& ref) {
  if (!IsDestination(ref)) return {Kind::kUpstream, ref.ns, ref.name};
  const size_t head = kPrefix.size() + ref.ns.str().size() + 1;
  const std::string& name = ref.name.str();
  return {Kind::kService, ref.ns, name.substr(head, name.rfind('-') - head)};
}

const core::ServicePort* FindPort(const core::Service& service, uint32_t port) {
  const core::ServicePort* found = nullptr;
  for (const core::ServicePort& candidate : service.ports) {
    if (candidate.port == port && (!found || candidate.protocol == "TCP")) found = &candidate;
  }
  return found;
}

}  // namespace k8sgw::envoy
