#include "src/bootstrap/divert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/text.h"

namespace k8sgw::bootstrap {
namespace {

using testing::HasSubstr;

yaml::Node Tree(const std::string& cluster, const std::string& name = "gloo") {
  return yaml::Parse(Cat("dynamic_resources: {ads_config: {grpc_services: [{envoy_grpc: {cluster_name: ", name,
                         "}}]}}\nstatic_resources:\n  clusters:\n  - ", cluster, "\n"))
      .documents[0];
}

constexpr char kAddress[] =
    "load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: gloo.ns, "
    "port_value: "
    "9977}}}}]}]}";

TEST(Divert, TheClusterLeadsToTheSocketAndKeepsTheRest) {
  yaml::Node tree =
      Tree(Cat("{name: gloo, type: STRICT_DNS, respectDnsTtl: true, connect_timeout: 1s, ", kAddress,
               ", upstream_connection_options: {tcp_keepalive: {}}, typed_extension_protocol_options: {a: b}}"));
  const auto target = DivertXds(tree, "/state/xds.sock");
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(*target, "gloo.ns:9977");
  EXPECT_EQ(
      yaml::EmitJson(tree.Find("static_resources")->Find("clusters")->items[0], 0),
      R"({"name": "gloo", "connect_timeout": "1s", "typed_extension_protocol_options": {"a": "b"}, "type": "STATIC", )"
      R"("load_assignment": {"cluster_name": "gloo", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": )"
      R"({"pipe": {"path": "/state/xds.sock"}}}}]}]}})");
}

TEST(Divert, WhatCannotBeDivertedIsRefused) {
  const auto error = [](yaml::Node tree) { return std::string(DivertXds(tree, "/s").status().message()); };
  EXPECT_THAT(error(yaml::Parse("node: {}").documents[0]), HasSubstr("names no cluster"));
  EXPECT_THAT(error(Tree("{name: other}")), HasSubstr("there is no static cluster gloo"));
  EXPECT_THAT(error(Tree(Cat("{name: gloo, transport_socket: {}, ", kAddress, "}"))),
              HasSubstr("line 4: the cluster gloo has TLS"));
  EXPECT_THAT(error(Tree("{name: gloo}")), HasSubstr("must have one address and port"));
}

}  // namespace
}  // namespace k8sgw::bootstrap
