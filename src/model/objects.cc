#include "src/model/objects.h"

#include <array>

namespace k8sgw {
namespace {

constexpr std::array<KindInfo, 14> kKinds = {{
    {Kind::kSettings, "gloo.solo.io/v1", "settings"},
    {Kind::kGateway, "gateway.solo.io/v1", "gateways"},
    {Kind::kVirtualService, "gateway.solo.io/v1", "virtualservices"},
    {Kind::kRouteTable, "gateway.solo.io/v1", "routetables"},
    {Kind::kVirtualHostOption, "gateway.solo.io/v1", "virtualhostoptions"},
    {Kind::kRouteOption, "gateway.solo.io/v1", "routeoptions"},
    {Kind::kUpstream, "gloo.solo.io/v1", "upstreams"},
    {Kind::kUpstreamGroup, "gloo.solo.io/v1", "upstreamgroups"},
    {Kind::kSecret, "v1", "secrets"},
    {Kind::kArtifact, "v1", "artifacts"},
    {Kind::kMatchableHttpGateway, "gateway.solo.io/v1", "httpgateways"},
    {Kind::kMatchableTcpGateway, "gateway.solo.io/v1", "tcpgateways"},
    {Kind::kListenerOption, "gateway.solo.io/v1", "listeneroptions"},
    {Kind::kHttpListenerOption, "gateway.solo.io/v1", "httplisteneroptions"},
}};

}  // namespace

std::span<const KindInfo> AllKinds() { return kKinds; }

const KindInfo* FindKind(std::string_view name) {
  // A Kubernetes ConfigMap is what the product calls an Artifact.
  if (name == "ConfigMap") name = "Artifact";
  for (const KindInfo& info : kKinds) {
    if (KindName(info.kind) == name) return &info;
  }
  return nullptr;
}

const KindInfo* FindPlural(std::string_view plural) {
  if (plural == "configmaps") plural = "artifacts";
  for (const KindInfo& info : kKinds) {
    if (info.plural == plural) return &info;
  }
  return nullptr;
}

}  // namespace k8sgw
