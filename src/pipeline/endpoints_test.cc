// Services with many endpoints: what one change costs, and what it leaves alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/matchable_http_gateway.proto.h"
#include "api/gateway/v1/matchable_tcp_gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/model/decode.h"
#include "src/pipeline/nack_report.h"
#include "src/pipeline/pipeline.h"

namespace k8sgw {
namespace {

constexpr char kRole[] = "gloo-system~gateway-proxy";
constexpr char kGateway[] =
    "{apiVersion: gateway.solo.io/v1, kind: Gateway, metadata: {name: http, namespace: gloo-system}, spec: "
    "{bindAddress: "
    "'::', bindPort: 8080, proxyNames: [gateway-proxy], httpGateway: {}}}";

std::string Service(const std::string& name) {
  return Cat("{apiVersion: v1, kind: Service, metadata: {name: ", name, "}, spec: {ports: [{port: 80}]}}");
}

std::string Upstream(const std::string& service) {
  return Cat("{apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: ", service,
             "}, spec: {kube: {serviceName: ", service, ", serviceNamespace: default, servicePort: 80}}}");
}

std::string Route(const std::string& service) {
  return Cat(
      "{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: v}, spec: {virtualHost: {domains: "
      "['*'], routes: [{matchers: [{prefix: /}], routeAction: {single: {kube: {ref: {name: ",
      service, ", namespace: default}, port: 80}}}}]}}}");
}

// The slice `number` of a Service with so many endpoints; the last one is not ready when `rolling`.
std::string Slice(const std::string& service, int number, int size, bool rolling = false) {
  std::string text = Cat("{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: ", service, "-",
                         number, ", labels: {kubernetes.io/service-name: ", service,
                         "}}, addressType: IPv4, ports: [{port: 8080}], endpoints: [");
  for (int i = 0; i < size; ++i) {
    text += Cat(i > 0 ? ", " : "", "{addresses: [10.", number / 250, ".", number % 250, ".", i + 1,
                "], conditions: {ready: ", rolling && i + 1 == size ? "false" : "true",
                "}, zone: ", i % 2 == 0 ? "a" : "b", "}");
  }
  return text + "]}";
}

struct EndpointsTest : testing::Test {
  void Stage(const std::string& text) {
    const yaml::Stream stream = yaml::Parse(text);
    ASSERT_TRUE(stream.ok) << stream.error.message;
    for (const Change& change : DecodeKubernetes(stream.documents.at(0), "default").objects) pipeline.Stage(change);
  }
  // What the role is told: types and names, "-" before what is gone.
  std::vector<std::string> Commit() {
    std::vector<std::string> told;
    for (const auto& [role, update] : pipeline.Commit()) {
      for (const auto& resource : update.put) told.push_back(Cat(Word(resource->type), " ", resource->name));
      for (const auto& [type, name] : update.removed) told.push_back(Cat("-", Word(type), " ", name));
    }
    return told;
  }
  static std::string Word(xds::Type type) {
    const std::string url(xds::TypeUrl(type));
    return url.substr(url.rfind('.') + 1);
  }

  Pipeline pipeline{Pipeline::Options()};
};

// The median of some rounds of one endpoint that goes and comes, in microseconds, with decoding.
int64_t MedianOfChanges(EndpointsTest& test, const std::string& service, int number, int size) {
  std::vector<int64_t> times;
  for (int i = 0; i < 21; ++i) {
    const auto start = std::chrono::steady_clock::now();
    test.Stage(Slice(service, number, size, i % 2 == 0));
    test.Commit();
    const auto time = std::chrono::steady_clock::now() - start;
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
  }
  std::ranges::nth_element(times, times.begin() + 10);
  return times[10];
}

TEST_F(EndpointsTest, OneOfTwentyThousandReRunsOneLoadAssignment) {
  Stage(kGateway);
  for (int i = 0; i < 200; ++i) {
    const std::string service = Cat("s", i);
    Stage(Service(service));
    Stage(Upstream(service));
    Stage(Slice(service, i, 100));
  }
  Stage(Route("s0"));
  Commit();
  Stage(Slice("s7", 7, 100, true));
  EXPECT_THAT(Commit(), testing::ElementsAre("ClusterLoadAssignment s7_default"));
  EXPECT_EQ(pipeline.graph().last_runs(), 1U);
  // A route without an Upstream has endpoints of its own.
  Stage(Slice("s0", 0, 100, true));
  EXPECT_THAT(Commit(), testing::UnorderedElementsAre("ClusterLoadAssignment s0_default",
                                                      "ClusterLoadAssignment kube-svc:default-s0-80_default"));
  EXPECT_EQ(pipeline.graph().last_runs(), 2U);
  // Metadata alone are no news.
  Stage(Slice("s0", 0, 100, true));
  EXPECT_THAT(Commit(), testing::IsEmpty());
  RecordProperty("median_us", static_cast<int>(MedianOfChanges(*this, "s9", 9, 100)));
}

TEST_F(EndpointsTest, AllInOneService) {
  Stage(kGateway);
  Stage(Service("s"));
  Stage(Upstream("s"));
  for (int i = 0; i < 200; ++i) Stage(Slice("s", i, 100));
  Commit();
  Stage(Slice("s", 7, 100, true));
  EXPECT_THAT(Commit(), testing::ElementsAre("ClusterLoadAssignment s_default"));
  EXPECT_EQ(pipeline.graph().last_runs(), 1U);
  RecordProperty("median_us", static_cast<int>(MedianOfChanges(*this, "s", 9, 100)));
}

TEST_F(EndpointsTest, AClusterForAServiceComesAndGoesWithItsRoutes) {
  Stage(kGateway);
  Stage(Service("s"));
  Stage(Service("t"));
  Commit();
  Stage(Route("s"));
  EXPECT_THAT(Commit(), testing::IsSupersetOf({"Cluster kube-svc:default-s-80_default",
                                               "ClusterLoadAssignment kube-svc:default-s-80_default"}));
  Stage(Route("t"));
  EXPECT_THAT(Commit(),
              testing::IsSupersetOf({"Cluster kube-svc:default-t-80_default", "-Cluster kube-svc:default-s-80_default",
                                     "-ClusterLoadAssignment kube-svc:default-s-80_default"}));
}

TEST_F(EndpointsTest, AServiceThatGoesTakesItsEndpointsAndLeavesTheCluster) {
  Stage(kGateway);
  Stage(Service("s"));
  Stage(Upstream("s"));
  Stage(Slice("s", 0, 1));
  Commit();
  pipeline.Stage({{Kind::kService, "default", "s"}, {}});
  EXPECT_THAT(Commit(), testing::ElementsAre("ClusterLoadAssignment s_default"));
  EXPECT_TRUE(pipeline.ResourcesOf(kRole)[xds::Type::kCluster].contains("s_default"));
  ASSERT_EQ(pipeline.problems().size(), 1U);
  Stage(Service("s"));
  EXPECT_THAT(Commit(), testing::ElementsAre("ClusterLoadAssignment s_default"));
  EXPECT_TRUE(pipeline.problems().empty());
}

TEST_F(EndpointsTest, ARefusalStandsOnTheUpstreamOrTheService) {
  Stage(kGateway);
  Stage(Service("s-1"));
  Stage(Upstream("s-1"));
  Stage(Route("s-1"));
  Commit();
  for (const xds::Type type : {xds::Type::kCluster, xds::Type::kEndpoint}) {
    for (const auto& [name, object] : {std::pair{"s-1_default", "Upstream default/s-1"},
                                       std::pair{"kube-svc:default-s-1-80_default", "Service default/s-1"}}) {
      const auto refused = pipeline.ResourcesOf(kRole)[type].at(name);
      const auto problems = ReportNack({kRole, "envoy", type, {}, "no"}, {name, refused, nullptr}, pipeline.envoy());
      ASSERT_EQ(problems.size(), 1U) << name;
      EXPECT_EQ(problems[0].object.ToString(), object);
    }
  }
}

}  // namespace
}  // namespace k8sgw
