// What users wrote must not make the Envoy that checks it act.
#include "src/validation/bootstrap_builder.h"

#include <google/protobuf/any.pb.h>
#include <gtest/gtest.h>

#include "envoy/config/accesslog/v3/accesslog.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/address.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/endpoint/v3/endpoint_components.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/extensions/access_loggers/file/v3/file.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "src/envoy/resource.h"

namespace k8sgw::validation {
namespace {

using ::envoy::config::cluster::v3::Cluster;
using ::envoy::config::listener::v3::Listener;
using ::envoy::extensions::access_loggers::file::v3::FileAccessLog;
using ::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

void AddHost(const std::string& address, Cluster& cluster) {
  auto& endpoint = *cluster.mutable_load_assignment()->add_endpoints()->add_lb_endpoints()->mutable_endpoint();
  endpoint.mutable_address()->mutable_socket_address()->set_address(address);
  endpoint.set_hostname(address);
}

std::string HostOf(const Cluster& cluster, int i) {
  return cluster.load_assignment().endpoints(i).lb_endpoints(0).endpoint().address().socket_address().address();
}

TEST(BootstrapBuilder, NamesAreNotLookedUp) {
  for (const auto type : {Cluster::STRICT_DNS, Cluster::LOGICAL_DNS}) {
    Cluster cluster;
    cluster.set_name("c");
    cluster.set_type(type);
    AddHost("attacker.example", cluster);
    AddHost("10.0.0.1", cluster);
    BootstrapBuilder builder;
    builder.AddCluster(*envoy::MakeResource(xds::Type::kCluster, "c", cluster));
    const Cluster& checked = builder.bootstrap().static_resources().clusters(0);
    EXPECT_EQ(checked.type(), type);
    EXPECT_EQ(HostOf(checked, 0), "127.0.0.1");
    EXPECT_EQ(HostOf(checked, 1), "10.0.0.1");
  }
}

template <class Part>
void AddLog(const std::string& path, Part& part) {
  FileAccessLog file;
  file.set_path(path);
  part.add_access_log()->mutable_typed_config()->PackFrom(file);
}

template <class Part>
std::string LogOf(const Part& part) {
  FileAccessLog file;
  EXPECT_TRUE(part.access_log(0).typed_config().UnpackTo(&file));
  return file.path();
}

TEST(BootstrapBuilder, NoFileOfALogIsMade) {
  for (const bool rds : {true, false}) {
    HttpConnectionManager hcm;
    if (rds) hcm.mutable_rds()->set_route_config_name("r");
    AddLog("/tmp/requests", hcm);
    Listener listener;
    listener.set_name("l");
    AddLog("/tmp/connections", listener);
    listener.add_filter_chains()->add_filters()->mutable_typed_config()->PackFrom(hcm);
    BootstrapBuilder builder;
    builder.AddListener(*envoy::MakeResource(xds::Type::kListener, "l", listener), {});
    const Listener& checked = builder.bootstrap().static_resources().listeners(0);
    HttpConnectionManager own;
    ASSERT_TRUE(checked.filter_chains(0).filters(0).typed_config().UnpackTo(&own));
    EXPECT_EQ(LogOf(checked), "/dev/null");
    EXPECT_EQ(LogOf(own), "/dev/null");
    EXPECT_EQ(own.has_route_config(), rds);
  }
}

// A path that is missing is for Envoy to refuse.
TEST(BootstrapBuilder, AMissingPathStaysMissing) {
  Listener listener;
  AddLog("", listener);
  BootstrapBuilder builder;
  builder.AddListener(*envoy::MakeResource(xds::Type::kListener, "l", listener), {});
  EXPECT_EQ(LogOf(builder.bootstrap().static_resources().listeners(0)), "");
}

}  // namespace
}  // namespace k8sgw::validation
