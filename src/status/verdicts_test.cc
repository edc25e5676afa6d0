#include "src/status/verdicts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/model/decode.h"

namespace k8sgw::status {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::StartsWith;

constexpr char kGateways[] = R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: one, namespace: gloo-system}
spec: {bindAddress: '::', bindPort: 8080, proxyNames: [p, q], httpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: two, namespace: gloo-system}
spec: {bindAddress: '::', bindPort: 8081, proxyNames: [p], httpGateway: {}}
)";

std::string Host(const std::string& name, const std::string& route) {
  return Cat("apiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: ", name,
             "}\nspec: {virtualHost: {domains: [", name, ".example], routes: [{matchers: [{prefix: /}], ", route,
             "}]}}\n");
}
std::string Table(const std::string& name, const std::string& body) {
  return Cat("apiVersion: gateway.solo.io/v1\nkind: RouteTable\nmetadata: {name: ", name,
             "}\nspec: {routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200, body: '", body,
             "'}}]}\n");
}
std::string Delegate(const std::string& name) {
  return Cat("delegateAction: {ref: {name: ", name, ", namespace: default}}");
}
constexpr char kAnswer[] = "directResponseAction: {status: 200}";

class VerdictsTest : public ::testing::Test {
 protected:
  std::vector<std::string> Apply(const std::string& text) {
    for (const yaml::Node& document : yaml::Parse(text).documents) {
      for (const Change& change : DecodeKubernetes(document, "default").objects) pipeline.Stage(change);
    }
    return Commit();
  }
  std::vector<std::string> Delete(Kind kind, const std::string& ns, const std::string& name) {
    Change change;
    change.key = {kind, ns, name};
    pipeline.Stage(change);
    return Commit();
  }
  std::vector<std::string> Commit() {
    pipeline.Commit();
    verdicts.AfterCommit();
    return Changed();
  }
  std::vector<std::string> Changed() {
    std::vector<std::string> names;
    for (const ResourceKey& key : verdicts.TakeChanged()) names.push_back(key.ToString());
    return names;
  }
  Entry Of(Kind kind, const std::string& name, const std::string& ns = "default") {
    return verdicts.Of({kind, ns, name});
  }

  Pipeline pipeline{Pipeline::Options()};
  Verdicts verdicts{pipeline};
};

TEST_F(VerdictsTest, TellsWhatChangedAndNothingElse) {
  EXPECT_THAT(Apply(kGateways), ElementsAre("Gateway gloo-system/one", "Gateway gloo-system/two"));
  EXPECT_THAT(Apply(Host("a", kAnswer) + "---\n" + Host("b", kAnswer)),
              ElementsAre("VirtualService default/a", "VirtualService default/b"));
  const Entry entry = Of(Kind::kVirtualService, "a");
  EXPECT_EQ(entry.state, State::kAccepted) << entry.reason;
  EXPECT_THAT(entry.subresources, ElementsAre(Key("*v1.Proxy.p_gloo-system"), Key("*v1.Proxy.q_gloo-system")));
  EXPECT_THAT(Of(Kind::kGateway, "two", "gloo-system").subresources, ElementsAre(Key("*v1.Proxy.p_gloo-system")));
  // Valid before and after: nothing to tell.
  EXPECT_THAT(Apply(Host("a", "directResponseAction: {status: 201}")), IsEmpty());
  EXPECT_THAT(Apply(Host("b", "routeAction: {single: {upstream: {name: none, namespace: default}}}")),
              ElementsAre("VirtualService default/b"));
  const Entry warned = Of(Kind::kVirtualService, "b");
  EXPECT_EQ(warned.state, State::kWarning);
  EXPECT_THAT(warned.reason, StartsWith("warning: \n  virtualHost.routes[0]"));
  EXPECT_EQ(warned.subresources.at("*v1.Proxy.p_gloo-system").state, State::kWarning);
  EXPECT_THAT(Apply(Host("b", kAnswer)), ElementsAre("VirtualService default/b"));
  EXPECT_EQ(Of(Kind::kVirtualService, "b").state, State::kAccepted);
}

TEST_F(VerdictsTest, ErrorsReject) {
  Apply(kGateways);
  Apply(Host("a", "directResponseAction: {status: 9}"));
  const Entry entry = Of(Kind::kVirtualService, "a");
  EXPECT_EQ(entry.state, State::kRejected);
  EXPECT_THAT(entry.reason, HasSubstr("virtualHost.routes[0]"));
}

TEST_F(VerdictsTest, FollowsRouteTablesIntoTheirProxies) {
  Apply(kGateways);
  // Nobody uses it.
  Apply(Table("t", "1"));
  EXPECT_THAT(Of(Kind::kRouteTable, "t"), (Entry{State::kAccepted, "", "gateway", {}}));
  EXPECT_THAT(Apply(Host("a", Delegate("t"))), ElementsAre("VirtualService default/a", "RouteTable default/t"));
  EXPECT_EQ(Of(Kind::kRouteTable, "t").subresources.size(), 2u);
  EXPECT_THAT(Apply(Host("b", Delegate("t"))), ElementsAre("VirtualService default/b"));
  EXPECT_THAT(Apply(Host("a", kAnswer)), IsEmpty());
  EXPECT_THAT(Delete(Kind::kVirtualService, "default", "b"),
              ElementsAre("VirtualService default/b", "RouteTable default/t"));
  EXPECT_THAT(Of(Kind::kRouteTable, "t").subresources, IsEmpty());
}

TEST_F(VerdictsTest, FollowsOptions) {
  Apply(kGateways);
  Apply(
      "apiVersion: gateway.solo.io/v1\nkind: VirtualHostOption\nmetadata: {name: o}\n"
      "spec: {options: {retries: {numRetries: 2}}}\n---\n"
      "apiVersion: gateway.solo.io/v1\nkind: RouteOption\nmetadata: {name: r}\n"
      "spec: {options: {timeout: 2s}}\n---\n"
      "apiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: a}\n"
      "spec: {virtualHost: {domains: [a], optionsConfigRefs: {delegateOptions: [{name: o, namespace: default}]}, "
      "routes: [{matchers: [{prefix: /}], optionsConfigRefs: {delegateOptions: [{name: r, namespace: default}]}, "
      "directResponseAction: {status: 200}}]}}\n");
  EXPECT_EQ(Of(Kind::kVirtualHostOption, "o").subresources.size(), 2u);
  EXPECT_EQ(Of(Kind::kRouteOption, "r").subresources.size(), 2u);
}

TEST_F(VerdictsTest, AProxyThatGoesTakesItsEntries) {
  Apply(kGateways);
  Apply(Host("a", kAnswer));
  EXPECT_THAT(Delete(Kind::kGateway, "gloo-system", "one"),
              ElementsAre("Gateway gloo-system/one", "VirtualService default/a"));
  EXPECT_THAT(Of(Kind::kVirtualService, "a").subresources, ElementsAre(Key("*v1.Proxy.p_gloo-system")));
  Delete(Kind::kGateway, "gloo-system", "two");
  EXPECT_THAT(Of(Kind::kVirtualService, "a").subresources, IsEmpty());
  EXPECT_EQ(Of(Kind::kVirtualService, "a").state, State::kWarning);
}

TEST_F(VerdictsTest, ARefusalByEnvoyIsThatOfItsProxy) {
  Apply(kGateways);
  Apply(Host("a", kAnswer));
  const auto routes = pipeline.ResourcesOf("gloo-system~q")[xds::Type::kRoute];
  pipeline.ReportNack({"gloo-system~q",
                       "envoy",
                       xds::Type::kRoute,
                       {{routes.begin()->first, routes.begin()->second, nullptr}},
                       "a.example is bad"});
  EXPECT_THAT(Changed(), ElementsAre("VirtualService default/a"));
  const Entry entry = Of(Kind::kVirtualService, "a");
  EXPECT_EQ(entry.state, State::kRejected);
  EXPECT_EQ(entry.subresources.at("*v1.Proxy.p_gloo-system").state, State::kAccepted);
  EXPECT_EQ(entry.subresources.at("*v1.Proxy.q_gloo-system").state, State::kRejected);
  EXPECT_THAT(entry.subresources.at("*v1.Proxy.q_gloo-system").reason, HasSubstr("a.example is bad"));
}

TEST_F(VerdictsTest, OtherSourcesOfProblemsCountToo) {
  pipeline.problem_table().Set("source", "",
                               {{{Kind::kVirtualService, "default", "x"}, Severity::kError, "", "m", ""}});
  EXPECT_THAT(Changed(), ElementsAre("VirtualService default/x"));
  EXPECT_EQ(Of(Kind::kVirtualService, "x").state, State::kRejected);
  pipeline.problem_table().Set("source", "", {});
  EXPECT_THAT(Changed(), ElementsAre("VirtualService default/x"));
  EXPECT_EQ(Of(Kind::kVirtualService, "x").state, State::kAccepted);
}

}  // namespace
}  // namespace k8sgw::status
