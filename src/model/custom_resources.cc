#include "src/model/custom_resources.h"

#include <array>

namespace k8sgw {
namespace {

template <size_t n>
using Names = std::array<std::string_view, n>;

constexpr std::string_view kGateway = "gateway.solo.io/v1";
constexpr std::string_view kGloo = "gloo.solo.io/v1";
constexpr std::string_view kKubeGateway = "gateway.gloo.solo.io/v1alpha1";

constexpr Names<1> kAll = {"gloo-gateway"};
// Kinds that a server of its own reads, which is not part of every installation.
constexpr Names<2> kServers = {"solo-io", "gloo-gateway"};

constexpr Names<2> kVirtualServices = {"vs", "gvs"};
constexpr Names<2> kRouteTables = {"rt", "grt"};
constexpr Names<2> kGateways = {"gw", "ggw"};
constexpr Names<2> kHttpGateways = {"hgw", "ghgw"};
constexpr Names<2> kTcpGateways = {"tgw", "gtgw"};
constexpr Names<3> kRouteOptions = {"rto", "rtopts", "grto"};
constexpr Names<3> kVirtualHostOptions = {"vho", "vhopts", "gvho"};
constexpr Names<2> kListenerOptions = {"lisopts", "glisopts"};
constexpr Names<2> kHttpListenerOptions = {"hlisopts", "ghlisopts"};
constexpr Names<2> kProxies = {"px", "gpx"};
constexpr Names<2> kUpstreams = {"us", "gus"};
constexpr Names<2> kUpstreamGroups = {"ug", "gug"};
constexpr Names<2> kSettings = {"st", "gst"};
constexpr Names<2> kAuthConfigs = {"ac", "gac"};
constexpr Names<2> kRateLimitConfigs = {"rlc", "grlc"};
constexpr Names<1> kGatewayParameters = {"gwp"};
constexpr Names<1> kDirectResponses = {"dr"};

constexpr std::array<CustomResource, 17> kResources = {{
    {"VirtualService", kGateway, "virtualservices", "virtualservice", kVirtualServices, kAll,
     "gateway.solo.io.VirtualService"},
    {"RouteTable", kGateway, "routetables", "routetable", kRouteTables, kAll, "gateway.solo.io.RouteTable"},
    {"Gateway", kGateway, "gateways", "gateway", kGateways, kAll, "gateway.solo.io.Gateway"},
    {"MatchableHttpGateway", kGateway, "httpgateways", "httpgateway", kHttpGateways, kAll,
     "gateway.solo.io.MatchableHttpGateway"},
    {"MatchableTcpGateway", kGateway, "tcpgateways", "tcpgateway", kTcpGateways, kAll,
     "gateway.solo.io.MatchableTcpGateway"},
    {"RouteOption", kGateway, "routeoptions", "routeoption", kRouteOptions, kAll, "gateway.solo.io.RouteOption"},
    {"VirtualHostOption", kGateway, "virtualhostoptions", "virtualhostoption", kVirtualHostOptions, kAll,
     "gateway.solo.io.VirtualHostOption"},
    {"ListenerOption", kGateway, "listeneroptions", "listeneroption", kListenerOptions, kAll,
     "gateway.solo.io.ListenerOption"},
    {"HttpListenerOption", kGateway, "httplisteneroptions", "httplisteneroption", kHttpListenerOptions, kAll,
     "gateway.solo.io.HttpListenerOption"},
    {"Proxy", kGloo, "proxies", "proxy", kProxies, kAll, "gloo.solo.io.Proxy"},
    {"Upstream", kGloo, "upstreams", "upstream", kUpstreams, kAll, "gloo.solo.io.Upstream"},
    {"UpstreamGroup", kGloo, "upstreamgroups", "upstreamgroup", kUpstreamGroups, kAll, "gloo.solo.io.UpstreamGroup"},
    {"Settings", kGloo, "settings", "settings", kSettings, kAll, "gloo.solo.io.Settings"},
    {"AuthConfig", "enterprise.gloo.solo.io/v1", "authconfigs", "authconfig", kAuthConfigs, kServers,
     "enterprise.gloo.solo.io.AuthConfig"},
    {"RateLimitConfig", "ratelimit.solo.io/v1alpha1", "ratelimitconfigs", "ratelimitconfig", kRateLimitConfigs,
     kServers, "ratelimit.api.solo.io.RateLimitConfigSpec", true, true},
    {"GatewayParameters", kKubeGateway, "gatewayparameters", "gatewayparameters", kGatewayParameters, kAll,
     "v1alpha1.gateway.gloo.solo.io.GatewayParametersSpec", true},
    {"DirectResponse", kKubeGateway, "directresponses", "directresponse", kDirectResponses, kAll,
     "v1alpha1.gateway.gloo.solo.io.DirectResponseSpec", true},
}};

}  // namespace

std::span<const CustomResource> AllCustomResources() { return kResources; }

const CustomResource* FindCustomResource(std::string_view kind) {
  for (const CustomResource& resource : kResources) {
    if (resource.kind == kind) return &resource;
  }
  return nullptr;
}

}  // namespace k8sgw
