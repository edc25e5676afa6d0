#include "src/model/resource.h"

namespace k8sgw {

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kSettings: return "Settings";
    case Kind::kGateway: return "Gateway";
    case Kind::kVirtualService: return "VirtualService";
    case Kind::kRouteTable: return "RouteTable";
    case Kind::kVirtualHostOption: return "VirtualHostOption";
    case Kind::kRouteOption: return "RouteOption";
    case Kind::kUpstream: return "Upstream";
    case Kind::kUpstreamGroup: return "UpstreamGroup";
    case Kind::kSecret: return "Secret";
    case Kind::kArtifact: return "Artifact";
    case Kind::kMatchableHttpGateway: return "MatchableHttpGateway";
    case Kind::kMatchableTcpGateway: return "MatchableTcpGateway";
    case Kind::kListenerOption: return "ListenerOption";
    case Kind::kHttpListenerOption: return "HttpListenerOption";
    case Kind::kAuthConfig: return "AuthConfig";
    case Kind::kRateLimitConfig: return "RateLimitConfig";
    case Kind::kGatewayParameters: return "GatewayParameters";
    case Kind::kDirectResponse: return "DirectResponse";
    case Kind::kService: return "Service";
    case Kind::kEndpointSlice: return "EndpointSlice";
    case Kind::kPod: return "Pod";
    case Kind::kNode: return "Node";
    case Kind::kProxy: return "Proxy";
    case Kind::kDocument: return "Document";
  }
  return "?";
}

std::string ResourceKey::ToString() const {
  const auto known = [](const Name& part) { return part.empty() ? "-" : part.str(); };
  return std::string(KindName(kind)) + " " + known(ns) + "/" + known(name);
}

}  // namespace k8sgw
