#include "src/model/objects.h"

#include <algorithm>
#include <array>

#include "src/model/custom_resources.h"

namespace k8sgw {
namespace {

// In the order of Kind.
constexpr std::array kOwn = {Kind::kSettings,
                             Kind::kGateway,
                             Kind::kVirtualService,
                             Kind::kRouteTable,
                             Kind::kVirtualHostOption,
                             Kind::kRouteOption,
                             Kind::kUpstream,
                             Kind::kUpstreamGroup,
                             Kind::kSecret,
                             Kind::kArtifact,
                             Kind::kMatchableHttpGateway,
                             Kind::kMatchableTcpGateway,
                             Kind::kListenerOption,
                             Kind::kHttpListenerOption,
                             Kind::kAuthConfig,
                             Kind::kRateLimitConfig,
                             Kind::kGatewayParameters,
                             Kind::kDirectResponse,
                             Kind::kProxy};

KindInfo Info(Kind kind) {
  if (kind == Kind::kSecret) return {kind, "v1", "secrets"};
  if (kind == Kind::kArtifact) return {kind, "v1", "artifacts"};
  const CustomResource* resource = FindCustomResource(KindName(kind));
  return {kind, resource->api_version, resource->plural};
}

}  // namespace

std::span<const KindInfo> AllKinds() {
  static const std::array<KindInfo, kOwn.size()> kinds = [] {
    std::array<KindInfo, kOwn.size()> out;
    std::transform(kOwn.begin(), kOwn.end(), out.begin(), Info);
    return out;
  }();
  return kinds;
}

std::span<const KindInfo> CoreKinds() {
  static constexpr std::array<KindInfo, 4> kKinds = {{
      {Kind::kService, "v1", "services"},
      {Kind::kEndpointSlice, "discovery.k8s.io/v1", "endpointslices"},
      {Kind::kPod, "v1", "pods"},
      {Kind::kNode, "v1", "nodes", true},
  }};
  return kKinds;
}

const KindInfo* FindKind(std::string_view name) {
  // A Kubernetes ConfigMap is what the product calls an Artifact.
  if (name == "ConfigMap") name = "Artifact";
  for (const auto& kinds : {AllKinds(), CoreKinds()}) {
    for (const KindInfo& info : kinds) {
      if (KindName(info.kind) == name) return &info;
    }
  }
  return nullptr;
}

const KindInfo* FindPlural(std::string_view plural) {
  if (plural == "configmaps") plural = "artifacts";
  for (const KindInfo& info : AllKinds()) {
    if (info.plural == plural) return &info;
  }
  return nullptr;
}

}  // namespace k8sgw
