#include "src/bootstrap/divert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/text.h"

namespace k8sgw::bootstrap {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

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
  const auto place = DivertXds(tree, "/state/xds.sock", "/state/tunnel.sock");
  ASSERT_TRUE(place.ok()) << place.status();
  EXPECT_EQ(place->target, "gloo.ns:9977");
  EXPECT_FALSE(place->tunnel);
  EXPECT_EQ(
      yaml::EmitJson(tree.Find("static_resources")->Find("clusters")->items[0], 0),
      R"({"name": "gloo", "connect_timeout": "1s", "typed_extension_protocol_options": {"a": "b"}, "type": "STATIC", )"
      R"("load_assignment": {"cluster_name": "gloo", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": )"
      R"({"pipe": {"path": "/state/xds.sock"}}}}]}]}})");
}

constexpr char kClusters[] = R"({name: gloo, typed_extension_protocol_options: {a: b}, type: STRICT_DNS,
    load_assignment: {endpoints: [{lb_endpoints: [1, 2]}]}, transport_socket: {name: tls, typed_config: {sni: gloo,
      common_tls_context: {tls_certificate_sds_secret_configs: [{sds_config: {api_config_source: {grpc_services: [
        {envoy_grpc: {cluster_name: sds}}]}}}]}}}}
  - {name: other}
  - {name: sds, transportSocket: {common_tls_context: {a: {cluster_name: further}}}}
  - {name: further, type: STATIC})";

TEST(Divert, TlsGoesToATunnelWithAllThatItNeeds) {
  yaml::Node tree = Tree(kClusters);
  const auto place = DivertXds(tree, "/state/xds.sock", "/state/tunnel.sock");
  ASSERT_TRUE(place.ok()) << place.status();
  EXPECT_EQ(place->target, "");
  EXPECT_EQ(place->cluster, "gloo");
  EXPECT_THAT(yaml::EmitJson(tree.Find("static_resources")->Find("clusters")->items[0], 0),
              AllOf(Not(HasSubstr("transport_socket")), HasSubstr("/state/xds.sock"), HasSubstr(R"({"a": "b"})")));
  ASSERT_TRUE(place->tunnel);
  const yaml::Node& resources = *place->tunnel->Find("static_resources");
  const std::string listener = yaml::EmitJson(resources.Find("listeners")->items[0], 0);
  EXPECT_THAT(listener, HasSubstr(R"({"path": "/state/tunnel.sock", "mode": 384})"));
  EXPECT_THAT(listener, HasSubstr(R"("cluster": "gloo")"));
  const std::vector<yaml::Node>& clusters = resources.Find("clusters")->items;
  ASSERT_EQ(clusters.size(), 3u);
  EXPECT_THAT(yaml::EmitJson(clusters[0], 0),
              AllOf(HasSubstr(R"("alpn_protocols": ["h2"])"), HasSubstr("STRICT_DNS"),
                    HasSubstr(R"("lb_endpoints": [1, 2])"), Not(HasSubstr("typed_ext"))));
  EXPECT_EQ(clusters[1].FindScalar("name"), "sds");
  EXPECT_EQ(clusters[2].FindScalar("name"), "further");
}

TEST(Divert, WhatHttpWouldSayToTlsIsRefused) {
  const auto error = [](const std::string& options) {
    yaml::Node tree =
        Tree("{name: gloo, transport_socket: {name: tls}, typed_extension_protocol_options: {o: " + options +
             "}, load_assignment: {endpoints: []}}");
    return std::string(DivertXds(tree, "/s", "/t").status().message());
  };
  EXPECT_THAT(error("{upstream_http_protocol_options: {auto_san_validation: true}}"),
              AllOf(HasSubstr("line "), HasSubstr("auto_san_validation of the cluster gloo would have no effect"),
                    HasSubstr("match_typed_subject_alt_names")));
  EXPECT_THAT(error("{upstreamHttpProtocolOptions: {autoSni: true}}"), HasSubstr("autoSni"));
  EXPECT_THAT(error("{auto_config: {}}"), HasSubstr("explicit_http_config"));
  EXPECT_EQ(error("{explicit_http_config: {http2_protocol_options: {}}, a: {auto_sni: false}}"), "");
}

TEST(Divert, WhatCannotBeDivertedIsRefused) {
  const auto error = [](yaml::Node tree) { return std::string(DivertXds(tree, "/s", "/t").status().message()); };
  EXPECT_THAT(error(yaml::Parse("node: {}").documents[0]), HasSubstr("names no cluster"));
  EXPECT_THAT(error(Tree("{name: other}")), HasSubstr("there is no static cluster gloo"));
  EXPECT_THAT(error(Tree("{name: gloo}")), HasSubstr("must have one address and port"));
}

}  // namespace
}  // namespace k8sgw::bootstrap
