#include "src/envoy/static_resources.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/wrappers.pb.h>

// GCC 12 sees an overlap in the copying of short literals where there is none (its bug 105651).
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wrestrict"
#endif

#include "api/gloo/v1/settings.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/address.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/endpoint/v3/endpoint_components.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/filters/http/router/v3/router.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "src/envoy/http_connection_manager.h"
#include "src/envoy/names.h"
#include "src/envoy/plugin.h"
#include "src/envoy/resource.h"
#include "src/envoy/virtual_host.h"

namespace k8sgw::envoy {
namespace {

constexpr char kUnknownListener[] = "listener-for-invalid-envoy";
constexpr char kUnknownRoutes[] = "routes-for-invalid-envoy";
constexpr uint32_t kDefaultInvalidRouteStatus = 404;
constexpr uint32_t kLeastStatus = 200;
constexpr uint32_t kMostStatus = 599;

void AnswerAll(uint32_t status, const std::string& body, routev3::RouteConfiguration& out) {
  auto& host = *out.add_virtual_hosts();
  host.set_name("all");
  host.add_domains("*");
  auto& route = *host.add_routes();
  route.mutable_match()->set_prefix("/");
  route.mutable_direct_response()->set_status(status);
  if (!body.empty()) route.mutable_direct_response()->mutable_body()->set_inline_string(body);
}

std::string AbstractSocketOf(std::string_view name) {
  std::string path(1, '@');
  return path.append(name);
}

void AddHcm(hcmv3::HttpConnectionManager& hcm, listenerv3::Listener& listener) {
  auto& filter = *hcm.add_http_filters();
  filter.set_name("envoy.filters.http.router");
  PackAny(routerv3::Router(), filter.mutable_typed_config());
  auto& network = *listener.add_filter_chains()->add_filters();
  network.set_name("envoy.filters.network.http_connection_manager");
  PackAny(hcm, network.mutable_typed_config());
}

}  // namespace

std::vector<Ptr<xds::Resource>> UnknownRoleResources(uint32_t port) {
  listenerv3::Listener listener;
  listener.set_name(kUnknownListener);
  auto& address = *listener.mutable_address()->mutable_socket_address();
  address.set_address("::");
  address.set_ipv4_compat(true);
  address.set_port_value(port);
  hcmv3::HttpConnectionManager hcm;
  hcm.set_stat_prefix("http");
  SetRouteConfigName(kUnknownRoutes, hcm);
  AddHcm(hcm, listener);
  routev3::RouteConfiguration routes;
  routes.set_name(kUnknownRoutes);
  AnswerAll(500,
            "Invalid Envoy Configuration. This Envoy has no role that the control plane knows: set "
            "node.metadata.role to <namespace>~<proxy>.\n",
            routes);
  return {MakeResource(xds::Type::kListener, kUnknownListener, listener),
          MakeResource(xds::Type::kRoute, kUnknownRoutes, routes)};
}

std::vector<Ptr<xds::Resource>> InvalidRouteResources(const gloov1::Settings& settings) {
  const auto& policy = settings.gloo().invalid_config_policy();
  if (!policy.replace_invalid_routes()) return {};
  // A socket in the abstract namespace: no file, no port.
  const std::string path = AbstractSocketOf(kFallbackListener);

  clusterv3::Cluster cluster;
  cluster.set_name(kFallbackCluster);
  cluster.mutable_connect_timeout()->set_seconds(5);
  auto& assignment = *cluster.mutable_load_assignment();
  assignment.set_cluster_name(kFallbackCluster);
  assignment.add_endpoints()->add_lb_endpoints()->mutable_endpoint()->mutable_address()->mutable_pipe()->set_path(path);

  listenerv3::Listener listener;
  listener.set_name(kFallbackListener);
  listener.mutable_address()->mutable_pipe()->set_path(path);
  hcmv3::HttpConnectionManager hcm;
  hcm.set_stat_prefix(kFallbackListener);
  auto& routes = *hcm.mutable_route_config();
  routes.set_name(RouteConfigName(kFallbackListener, ""));
  // Envoy would refuse the listener for any other status, and for a longer body than the table allows.
  const uint32_t status = policy.invalid_route_response_code();
  const std::string& body = policy.invalid_route_response_body();
  AnswerAll(status < kLeastStatus || status > kMostStatus ? kDefaultInvalidRouteStatus : status, body, routes);
  if (body.size() > kDefaultMaxBodyBytes) {
    routes.mutable_max_direct_response_body_size_bytes()->set_value(static_cast<uint32_t>(body.size()));
  }
  AddHcm(hcm, listener);
  return {MakeResource(xds::Type::kCluster, kFallbackCluster, cluster),
          MakeResource(xds::Type::kListener, kFallbackListener, listener)};
}

}  // namespace k8sgw::envoy
