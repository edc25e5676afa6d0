// Resources that Envoy gets over xDS, as one static configuration that it can check. What users wrote makes the Envoy
// that checks it look no name up and make no file: files of logs are /dev/null, DNS names of hosts are 127.0.0.1.
#pragma once

#include <map>
#include <string>

#include "envoy/config/bootstrap/v3/bootstrap.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "src/xds/resource.h"

namespace k8sgw::validation {

// By the names under which listeners ask for them.
using RouteTables = std::map<std::string, ::envoy::config::route::v3::RouteConfiguration>;

// Names and ports are made unique, so that the same resource may be added more than once.
class BootstrapBuilder {
 public:
  BootstrapBuilder() {
    // Who names a server of secrets must have a name.
    bootstrap_.mutable_node()->set_id("k8sgateway-validate");
    bootstrap_.mutable_node()->set_cluster("k8sgateway");
  }
  void AddCluster(const xds::Resource& cluster);
  // As those of a cluster of their own.
  void AddEndpoints(const xds::Resource& endpoints);
  // Route tables stand inside the listener; one that is missing is empty.
  void AddListener(const xds::Resource& listener, const RouteTables& tables);

  const ::envoy::config::bootstrap::v3::Bootstrap& bootstrap() const { return bootstrap_; }

 private:
  std::string Unique(const std::string& name) { return std::to_string(added_++) + "-" + name; }

  ::envoy::config::bootstrap::v3::Bootstrap bootstrap_;
  size_t added_ = 0;
};

}  // namespace k8sgw::validation
