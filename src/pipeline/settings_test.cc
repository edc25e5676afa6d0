// Settings of servers that listeners ask: what a change of them costs, and that listeners outlive mistakes in them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

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
#include "src/pipeline/pipeline.h"

namespace k8sgw {
namespace {

using testing::HasSubstr;

constexpr char kRole[] = "gloo-system~gateway-proxy";
constexpr int kServices = 200;
constexpr char kExtAuth[] = "extauth: {extauthzServerRef: {name: auth, namespace: default}";
constexpr char kLimits[] = "ratelimitServer: {ratelimitServerRef: {name: auth, namespace: default}";

std::string Gateway(int port, const std::string& options) {
  return Cat("{apiVersion: gateway.solo.io/v1, kind: Gateway, metadata: {name: g", port,
             ", namespace: gloo-system}, spec: {bindAddress: '::', bindPort: ", port, ", httpGateway: {options: {",
             options, "}}}}");
}

std::string Service(int i, const std::string& options, const std::string& path = "/") {
  return Cat("{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: v", i,
             "}, spec: {virtualHost: {domains: ['", i, ".com'], options: {", options,
             "}, routes: [{matchers: [{prefix: ", path,
             "}], routeAction: {single: {upstream: {name: auth, namespace: default}}}}]}}}");
}

std::string Settings(const std::string& spec) {
  return Cat("{apiVersion: gloo.solo.io/v1, kind: Settings, metadata: {name: default, namespace: gloo-system}, spec: {",
             spec, "}}");
}

std::string Upstream(const std::string& name, const std::string& more) {
  return Cat("{apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: ", name, "}, spec: {", more,
             "static: {hosts: [{addr: 127.0.0.1, port: 1}]}}}");
}

// Two Gateways, to which 200 VirtualServices belong, and an authorization server of Settings.
struct SettingsTest : testing::Test {
  SettingsTest() {
    Stage(Gateway(1, ""));
    Stage(Gateway(2, ""));
    Stage(Upstream("auth", "useHttp2: true, "));
    Stage(Settings(Cat(kExtAuth, "}")));
    for (int i = 0; i < kServices; ++i) Stage(Service(i, "extauth: {customAuth: {}}"));
    pipeline.Commit();
    EXPECT_EQ(Said(), "");
  }

  void Stage(const std::string& text) {
    const yaml::Stream stream = yaml::Parse(text);
    ASSERT_TRUE(stream.ok) << stream.error.message << text;
    for (const Change& change : DecodeKubernetes(stream.documents.at(0), "default").objects) {
      ASSERT_TRUE(pipeline.Stage(change));
    }
  }
  void Apply(const std::string& text) {
    Stage(text);
    pipeline.Commit();
  }
  uint64_t Runs(std::string_view node) const {
    const auto& nodes = pipeline.graph().nodes();
    const auto found = std::ranges::find_if(nodes, [&](const flow::Node* one) { return one->name() == node; });
    EXPECT_NE(found, nodes.end()) << node;
    return (*found)->last_runs();
  }
  std::string Said() const {
    std::string said;
    for (const Problem& problem : pipeline.problems()) said += problem.ToString() + "\n";
    return said;
  }
  // Whether the listener has this text in it.
  bool Serves(int port, const std::string& text) {
    const auto listeners = pipeline.ResourcesOf(kRole)[xds::Type::kListener];
    const auto found = listeners.find(Cat("listener-::-", port));
    return found != listeners.end() && std::ranges::any_of(found->second->body, [&](const auto& piece) {
             return piece->find(text) != std::string::npos;
           });
  }

  Pipeline pipeline{Pipeline::Options()};
};

TEST_F(SettingsTest, AServersSettingsReRunListenersOnly) {
  Apply(Settings(Cat(kExtAuth, ", statPrefix: changed}")));
  EXPECT_EQ(Said(), "");
  EXPECT_TRUE(Serves(1, "changed") && Serves(2, "changed"));
  EXPECT_EQ(Runs("translated-gateways"), 2U);
  EXPECT_EQ(Runs("listeners"), 2U);
  EXPECT_EQ(Runs("translated-virtual-hosts"), 0U);
  EXPECT_EQ(Runs("translated-clusters"), 0U);
  EXPECT_EQ(Runs("bindings"), 0U);
  EXPECT_LT(pipeline.graph().last_runs(), 50U);
}

TEST_F(SettingsTest, WhatIsOthersConcernReRunsFew) {
  Apply(Settings(Cat(kExtAuth, "}, gloo: {disableGrpcWeb: true}")));
  EXPECT_EQ(Runs("translated-virtual-hosts"), 0U);
  EXPECT_LT(pipeline.graph().last_runs(), 50U);
}

TEST_F(SettingsTest, OptionsOfAGatewayReRunItsRoutesOnlyWhenTheyReadThem) {
  Apply(Gateway(1, Cat("healthCheck: {path: /ok}, ", kLimits, "}")));
  // That there is a server is what they read.
  EXPECT_EQ(Runs("translated-virtual-hosts"), kServices);
  Apply(Gateway(1, Cat("healthCheck: {path: /fine}, ", kLimits, ", denyOnFail: true}")));
  EXPECT_EQ(Runs("translated-virtual-hosts"), 0U);
  Apply(Gateway(1, Cat("healthCheck: {path: /fine}, ", kLimits, ", rateLimitBeforeAuth: true}")));
  EXPECT_EQ(Runs("translated-virtual-hosts"), kServices);
}

TEST_F(SettingsTest, AnEditOfOneVirtualServiceIsOneRunForEachListener) {
  Apply(Service(7, "extauth: {customAuth: {contextExtensions: {a: b}}}", "/new"));
  EXPECT_EQ(Runs("translated-virtual-hosts"), 2U);
  EXPECT_EQ(Runs("listeners"), 0U);
  EXPECT_EQ(Runs("checked-listeners"), 0U);
  EXPECT_LT(pipeline.graph().last_runs(), 30U);
}

TEST_F(SettingsTest, ABadServerLeavesListenersAsTheyWere) {
  Apply(Settings("extauth: {extauthzServerRef: {name: missing, namespace: default}, statPrefix: bad}"));
  EXPECT_EQ(Said(),
            "error: Settings gloo-system/default: extauth.extauthzServerRef: there is no Upstream default/missing: "
            "create it, or correct name and namespace\n");
  EXPECT_TRUE(Serves(1, "auth_default"));
  EXPECT_FALSE(Serves(1, "missing_default"));
  EXPECT_FALSE(Serves(1, "bad"));
  // A Gateway with a server of its own is not concerned.
  Apply(Gateway(2, Cat(kExtAuth, ", statPrefix: own}")));
  EXPECT_TRUE(Serves(2, "own"));
  Apply(Upstream("missing", "useHttp2: true, "));
  EXPECT_EQ(Said(), "");
  EXPECT_TRUE(Serves(1, "missing_default") && Serves(1, "bad"));
}

TEST_F(SettingsTest, RoutesThatWereGuardedAreDeniedWhenTheServerGoes) {
  Apply(Settings("gloo: {}"));
  EXPECT_THAT(Said(),
              HasSubstr("VirtualService default/v7: virtualHost.options.extauth.customAuth: there is no server"));
  EXPECT_TRUE(Serves(1, "ext_authz"));
  EXPECT_FALSE(Serves(1, "auth_default"));
  EXPECT_TRUE(Serves(1, "k8sgateway.ext_auth.deny"));
}

}  // namespace
}  // namespace k8sgw
