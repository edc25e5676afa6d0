#include "src/pipeline/nack_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/model/decode.h"
#include "src/pipeline/pipeline.h"

namespace k8sgw {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kRole[] = "gloo-system~gateway-proxy";

std::string Gateway() {
  return "---\napiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {name: http, namespace: gloo-system}\n"
         "spec: {bindAddress: '::', bindPort: 8080, proxyNames: [gateway-proxy], httpGateway: {}}\n";
}

std::string Host(const std::string& name, const std::string& body) {
  return Cat(
      "---\napiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: ", name == "*" ? "wild" : name,
      "}\nspec: {virtualHost: {domains: ['", name, ".example'], routes: [{matchers: [{prefix: /}], ",
      "directResponseAction: {status: 200, body: '", body, "'}}]}}\n");
}

class NackTest : public testing::Test {
 protected:
  void Apply(const std::string& text) {
    for (const yaml::Node& document : yaml::Parse(text).documents) {
      for (const Change& change : DecodeKubernetes(document, "default").objects) pipeline.Stage(change);
    }
    pipeline.Commit();
  }

  Ptr<xds::Resource> Routes() { return pipeline.ResourcesOf(kRole)[xds::Type::kRoute].begin()->second; }

  // The objects that are blamed when Envoy keeps `accepted` and says `message` against what is served now.
  std::vector<std::string> Blamed(xds::Type type, const Ptr<xds::Resource>& resource,
                                  const Ptr<xds::Resource>& accepted, const std::string& message) {
    const xds::Nack nack{kRole, "envoy", type, {{resource->name, resource, accepted}}, message};
    pipeline.ReportNack(nack);
    std::vector<std::string> objects;
    for (const Problem& problem : pipeline.problems()) {
      EXPECT_NE(problem.message.find(message), std::string::npos);
      objects.push_back(problem.object.ToString());
    }
    return objects;
  }

  Pipeline pipeline{Pipeline::Options()};
};

TEST_F(NackTest, OfATableBlamesTheVirtualServiceThatChanged) {
  Apply(Gateway() + Host("a", "1") + Host("b", "1"));
  const auto before = Routes();
  Apply(Host("b", "2"));
  EXPECT_THAT(Blamed(xds::Type::kRoute, Routes(), before, "no"), ElementsAre("VirtualService default/b"));
  // Mended, by a change of the table.
  Apply(Host("b", "3"));
  EXPECT_THAT(pipeline.problems(), IsEmpty());
}

TEST_F(NackTest, OfATableBlamesOnlyThoseThatEnvoyNames) {
  Apply(Gateway() + Host("a", "1") + Host("b", "1") + Host("c", "1"));
  const auto before = Routes();
  Apply(Host("a", "2") + Host("b", "2"));
  EXPECT_THAT(Blamed(xds::Type::kRoute, Routes(), before, "no"),
              ElementsAre("VirtualService default/a", "VirtualService default/b"));
  EXPECT_THAT(Blamed(xds::Type::kRoute, Routes(), before, "b.example is bad"), ElementsAre("VirtualService default/b"));
  EXPECT_THAT(Blamed(xds::Type::kRoute, Routes(), nullptr, "default_c is bad"),
              ElementsAre("VirtualService default/c"));
}

TEST_F(NackTest, OfATableThatIsNewAsAWholeBlamesTheGateway) {
  Apply(Gateway() + Host("a", "1") + Host("b", "1"));
  EXPECT_THAT(Blamed(xds::Type::kRoute, Routes(), nullptr, "no"), ElementsAre("Gateway gloo-system/http"));
}

// The newer one is judged by itself, and nothing would take back what is said now.
TEST_F(NackTest, OfATableThatChangedMeanwhileBlamesNobody) {
  Apply(Gateway() + Host("a", "1") + Host("b", "1"));
  const auto before = Routes();
  Apply(Host("b", "2"));
  const auto refused = Routes();
  Apply(Host("b", "3"));
  EXPECT_THAT(Blamed(xds::Type::kRoute, refused, before, "no"), IsEmpty());
}

// What stands on an object names the table, and Envoy's words do: a wildcard is refused in each part.
TEST_F(NackTest, OfPartsOfATableTellsOneThingOfTheTable) {
  pipeline.DivideTables(4);
  pipeline.UseModule(kRole);
  Apply(Gateway() + Host("a", "1") + Host("*", "1"));
  auto before = pipeline.ResourcesOf(kRole)[xds::Type::kRoute];
  Apply(Host("*", "2"));
  const auto now = pipeline.ResourcesOf(kRole)[xds::Type::kRoute];
  xds::Nack nack{kRole, "envoy", xds::Type::kRoute, {}, ""};
  for (const auto& [name, resource] : now) {
    if (!resource->only_with_module) continue;
    nack.resources.push_back({name, resource, before[name]});
    nack.message += name + ": bad; ";
  }
  ASSERT_EQ(nack.resources.size(), 4u);
  pipeline.ReportNack(nack);
  ASSERT_EQ(pipeline.problems().size(), 1u);
  const Problem problem = pipeline.problems()[0];
  EXPECT_EQ(problem.object.ToString(), "VirtualService default/wild");
  const std::string table = "listener-::-8080-routes";
  EXPECT_EQ(problem.message, Cat("Envoy refused ", table, ", so the version before it stays in use: ", table, ": bad; ",
                                 table, ": bad; ", table, ": bad; ", table, ": bad; "));
}

TEST_F(NackTest, OfOtherResourcesBlamesTheirObjects) {
  Apply(Gateway() + Host("a", "1") +
        "---\napiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: up}\n"
        "spec: {static: {hosts: [{addr: 127.0.0.1, port: 80}]}}\n");
  const auto of = [&](xds::Type type) { return pipeline.ResourcesOf(kRole)[type].begin()->second; };
  EXPECT_THAT(Blamed(xds::Type::kListener, of(xds::Type::kListener), nullptr, "no"),
              ElementsAre("Gateway gloo-system/http"));
  EXPECT_THAT(Blamed(xds::Type::kCluster, of(xds::Type::kCluster), nullptr, "no"),
              ElementsAre("Gateway gloo-system/http", "Upstream default/up"));
}

TEST_F(NackTest, OfEndpointsBlamesTheirUpstream) {
  Apply(Gateway() + Host("a", "1") +
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n"
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
        "metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\n"
        "ports: [{port: 8080}]\nendpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]\n"
        "---\napiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: up}\n"
        "spec: {kube: {serviceName: web, serviceNamespace: default, servicePort: 80}}\n");
  const auto endpoints = pipeline.ResourcesOf(kRole)[xds::Type::kEndpoint];
  ASSERT_EQ(endpoints.size(), 1u);
  EXPECT_THAT(Blamed(xds::Type::kEndpoint, endpoints.begin()->second, nullptr, "no"),
              ElementsAre("Upstream default/up"));
}

TEST_F(NackTest, OfManyResourcesTellsOnlyTheWordsAboutOne) {
  Apply(Gateway() + Host("a", "1"));
  const auto listener = pipeline.ResourcesOf(kRole)[xds::Type::kListener].begin()->second;
  const std::string words = std::string(3000, 'x') + " " + listener->name + " is bad" + std::string(3000, 'y');
  pipeline.ReportNack({kRole, "envoy", xds::Type::kListener, {{listener->name, listener, nullptr}}, words});
  ASSERT_EQ(pipeline.problems().size(), 1u);
  EXPECT_LT(pipeline.problems()[0].message.size(), 600u);
  EXPECT_NE(pipeline.problems()[0].message.find(listener->name + " is bad"), std::string::npos);
}

}  // namespace
}  // namespace k8sgw
