#include "src/cli/proxy/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::cli {
namespace {

using ::testing::HasSubstr;

yaml::Node Parse(const std::string& text) {
  yaml::Stream stream = yaml::Parse(text);
  EXPECT_TRUE(stream.ok) << stream.error.message;
  return std::move(stream.documents.at(0));
}

yaml::Node Service(const std::string& more) {
  return Parse("metadata: {name: gateway-proxy, namespace: gloo-system}\n" + more);
}

constexpr char kPorts[] = "ports: [{name: http, port: 80, nodePort: 30080}, {name: https, port: 443, nodePort: 30443}]";

std::vector<yaml::Node> Nodes() {
  return {Parse("metadata: {name: a}\nstatus: {addresses: [{type: InternalIP, address: 10.0.0.1}]}"),
          Parse("metadata: {name: b}\nstatus: {addresses: [{type: InternalIP, address: 10.0.0.2}, "
                "{type: ExternalIP, address: 203.0.113.2}]}")};
}

TEST(ProxyAddress, IsThatOfTheLoadBalancer) {
  const yaml::Node service = Service(std::string("spec: {type: LoadBalancer, ") + kPorts +
                                     "}\nstatus: {loadBalancer: {ingress: [{hostname: lb.test}]}}");
  EXPECT_EQ(AddressOf(service, {}, {}, "http")->HostAndPort(), "lb.test:80");
  EXPECT_EQ(AddressOf(service, {}, {}, "443")->HostAndPort(), "lb.test:443");
  EXPECT_EQ(SchemeOf(service, "https"), "https");
  EXPECT_EQ(SchemeOf(service, "http"), "http");
  const auto none = AddressOf(service, {}, {}, "htp");
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("no port \"htp\": it has http, https"));
}

TEST(ProxyAddress, TheServiceIsTheOneThatHasThePort) {
  const auto named = [](const std::string& name, const std::string& port) {
    return Parse("metadata: {name: " + name + "}\nspec: {ports: [{name: " + port + ", port: 80}]}");
  };
  const std::vector<yaml::Node> labelled = {named("a-config-dump-service", "read-config"), named("edge", "http"),
                                            named("more", "http")};
  EXPECT_EQ(ServiceOf(labelled, "gateway-proxy", "http")->Find("metadata")->FindScalar("name"), "edge");
  EXPECT_EQ(ServiceOf(labelled, "more", "http")->Find("metadata")->FindScalar("name"), "more");
  EXPECT_EQ(ServiceOf(labelled, "more", "htp")->Find("metadata")->FindScalar("name"), "more") << "the error names it";
  EXPECT_EQ(ServiceOf({}, "gateway-proxy", "http"), nullptr);
}

TEST(ProxyAddress, WithoutALoadBalancerItIsAPortOfANode) {
  const yaml::Node service = Service(std::string("spec: {type: LoadBalancer, clusterIP: 10.9.9.9, ") + kPorts + "}");
  const std::vector<yaml::Node> pods = {Parse("spec: {nodeName: b}\nstatus: {phase: Running}")};
  const auto address = AddressOf(service, Nodes(), pods, "http");
  EXPECT_EQ(address->HostAndPort(), "203.0.113.2:30080");
  EXPECT_THAT(address->note, HasSubstr("no address yet"));
  EXPECT_EQ(AddressOf(service, Nodes(), {}, "http")->HostAndPort(), "10.0.0.1:30080");
  EXPECT_EQ(AddressOf(service, {}, {}, "http")->HostAndPort(), "10.9.9.9:80") << "nodes cannot be read";
}

TEST(ProxyAddress, WithinTheClusterItIsSaid) {
  const yaml::Node service = Service("spec: {type: ClusterIP, clusterIP: 'fd00::1', ports: [{port: 80}]}");
  const auto address = AddressOf(service, Nodes(), {}, "80");
  EXPECT_EQ(address->HostAndPort(), "[fd00::1]:80");
  EXPECT_THAT(address->note, HasSubstr("within the cluster"));
  EXPECT_FALSE(AddressOf(Service("spec: {clusterIP: None, ports: [{port: 80}]}"), {}, {}, "80").ok());
}

}  // namespace
}  // namespace k8sgw::cli
