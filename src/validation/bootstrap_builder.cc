#include "src/validation/bootstrap_builder.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include "envoy/config/accesslog/v3/accesslog.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/address.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/endpoint/v3/endpoint_components.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/extensions/access_loggers/file/v3/file.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "src/base/address.h"
#include "src/envoy/resource.h"

namespace k8sgw::validation {
namespace {

using ::envoy::config::cluster::v3::Cluster;
using ::envoy::config::route::v3::RouteConfiguration;
using ::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

// Nothing is bound in validate mode, so ports may repeat after so many.
constexpr uint32_t kFirstPort = 20000;
constexpr uint32_t kPorts = 40000;

// Envoy looks names up in validate mode, too. Whether a name is one is our own check.
void LookNothingUp(Cluster& cluster) {
  if (cluster.type() != Cluster::STRICT_DNS && cluster.type() != Cluster::LOGICAL_DNS) return;
  for (auto& locality : *cluster.mutable_load_assignment()->mutable_endpoints()) {
    for (auto& endpoint : *locality.mutable_lb_endpoints()) {
      if (!endpoint.endpoint().address().has_socket_address()) continue;
      auto& address = *endpoint.mutable_endpoint()->mutable_address()->mutable_socket_address();
      if (!IsIpAddress(address.address())) address.set_address("127.0.0.1");
    }
  }
}

// Envoy makes the file of a log in validate mode, too; the machine that it will log on is another one.
template <class Part>
void LogNowhere(Part& part) {
  for (auto& log : *part.mutable_access_log()) {
    ::envoy::extensions::access_loggers::file::v3::FileAccessLog file;
    if (!log.typed_config().UnpackTo(&file)) continue;
    if (!file.path().empty()) file.set_path("/dev/null");
    log.mutable_typed_config()->PackFrom(file);
  }
}

}  // namespace

void BootstrapBuilder::AddCluster(const xds::Resource& resource) {
  auto& cluster = *bootstrap_.mutable_static_resources()->add_clusters();
  cluster = envoy::Parse<Cluster>(resource);
  cluster.set_name(Unique(cluster.name()));
  LookNothingUp(cluster);
  if (cluster.has_eds_cluster_config()) {
    // Nobody is there to say its endpoints.
    cluster.clear_eds_cluster_config();
    cluster.set_type(Cluster::STATIC);
    cluster.mutable_load_assignment()->set_cluster_name(cluster.name());
  }
}

void BootstrapBuilder::AddEndpoints(const xds::Resource& resource) {
  auto& cluster = *bootstrap_.mutable_static_resources()->add_clusters();
  cluster.set_name(Unique(resource.name));
  cluster.set_type(Cluster::STATIC);
  *cluster.mutable_load_assignment() = envoy::Parse<::envoy::config::endpoint::v3::ClusterLoadAssignment>(resource);
}

void BootstrapBuilder::AddListener(const xds::Resource& resource, const RouteTables& tables) {
  auto& listener = *bootstrap_.mutable_static_resources()->add_listeners();
  listener = envoy::Parse<::envoy::config::listener::v3::Listener>(resource);
  if (listener.address().has_socket_address()) {
    listener.mutable_address()->mutable_socket_address()->set_port_value(kFirstPort +
                                                                         static_cast<uint32_t>(added_ % kPorts));
  }
  if (listener.address().has_pipe()) {
    std::string& path = *listener.mutable_address()->mutable_pipe()->mutable_path();
    path = (path.starts_with('@') ? "@" : "/") + Unique("socket");
  }
  listener.set_name(Unique(listener.name()));
  LogNowhere(listener);
  for (auto& chain : *listener.mutable_filter_chains()) {
    for (auto& filter : *chain.mutable_filters()) {
      HttpConnectionManager hcm;
      if (!filter.typed_config().UnpackTo(&hcm)) continue;
      LogNowhere(hcm);
      filter.mutable_typed_config()->PackFrom(hcm);
      if (!hcm.has_rds()) continue;
      const auto table = tables.find(hcm.rds().route_config_name());
      // The assignment of a route configuration takes the place of RDS.
      *hcm.mutable_route_config() = table == tables.end() ? RouteConfiguration() : table->second;
      // Clusters have other names here.
      hcm.mutable_route_config()->mutable_validate_clusters()->set_value(false);
      filter.mutable_typed_config()->PackFrom(hcm);
    }
  }
}

}  // namespace k8sgw::validation
