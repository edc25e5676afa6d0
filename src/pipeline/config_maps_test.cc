// ConfigMaps that listeners read: what a change of one costs, and that a listener outlives it.

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
#include "src/base/base64.h"
#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/model/decode.h"
#include "src/pipeline/pipeline.h"
#include "src/pipeline/speculation.h"

namespace k8sgw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kRole[] = "gloo-system~gateway-proxy";
// Descriptors of shop.Shop, whose method Find has the path /items/{name}, and the same with /goods/{name}.
constexpr char kItems[] =
    "Cn0KCnNob3AucHJvdG8SBHNob3AiIgoESXRlbRIMCgRuYW1lGAEgASgJEgwKBG5vdGUYAiABKAkyPQoEU2hvcBI1CgRGaW5kEgouc2hvcC5JdGVtGg"
    "ouc2hvcC5JdGVtIhWC0+STAg8SDS9pdGVtcy97bmFtZX1iBnByb3RvMw==";
constexpr char kGoods[] =
    "Cn0KCnNob3AucHJvdG8SBHNob3AiIgoESXRlbRIMCgRuYW1lGAEgASgJEgwKBG5vdGUYAiABKAkyPQoEU2hvcBI1CgRGaW5kEgouc2hvcC5JdGVtGg"
    "ouc2hvcC5JdGVtIhWC0+STAg8SDS9nb29kcy97bmFtZX1iBnByb3RvMw==";

std::string Transcoder(const std::string& config_map) {
  return Cat("grpcJsonTranscoder: {services: [shop.Shop], protoDescriptorConfigMap: {configMapRef: {name: ", config_map,
             ", namespace: default}}}");
}

std::string Gateway(int port, const std::string& options) {
  return Cat("{apiVersion: gateway.solo.io/v1, kind: Gateway, metadata: {name: g", port,
             ", namespace: gloo-system}, spec: {bindAddress: '::', bindPort: ", port, ", httpGateway: {options: {",
             options, "}}}}");
}

std::string ConfigMap(const std::string& name, const std::string& value) {
  return Cat("{apiVersion: v1, kind: ConfigMap, metadata: {name: ", name, "}, data: {pb: '", value, "'}}");
}

struct ConfigMapsTest : testing::Test {
  ConfigMapsTest() {
    Stage(
        "{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: v}, spec: {virtualHost: {routes: "
        "[{matchers: [{prefix: /}], directResponseAction: {status: 200}}]}}}");
    Stage(Gateway(1, Transcoder("a")));
    Stage(Gateway(2, Transcoder("b")));
    Stage(Gateway(3, ""));
    Stage(ConfigMap("a", kItems));
    Stage(ConfigMap("b", kItems));
    Commit();
    EXPECT_THAT(Said(), "");
  }

  void Stage(const std::string& text) {
    const yaml::Stream stream = yaml::Parse(text);
    ASSERT_TRUE(stream.ok) << stream.error.message;
    for (const Change& change : DecodeKubernetes(stream.documents.at(0), "default").objects) {
      ASSERT_TRUE(pipeline.Stage(change));
    }
  }
  void Remove(const std::string& config_map) { pipeline.Stage({{Kind::kArtifact, "default", config_map}, {}}); }
  // The names of what the role is told.
  std::vector<std::string> Commit() {
    std::vector<std::string> told;
    for (const auto& [role, update] : pipeline.Commit()) {
      for (const auto& resource : update.put) told.push_back(resource->name);
      for (const auto& [type, name] : update.removed) told.push_back("-" + name);
    }
    return told;
  }
  uint64_t Runs(std::string_view node) const {
    const auto& nodes = pipeline.graph().nodes();
    const auto found = std::ranges::find_if(nodes, [&](const flow::Node* one) { return one->name() == node; });
    return (*found)->last_runs();
  }
  // All problems, in lines.
  std::string Said() const {
    std::string said;
    for (const Problem& problem : pipeline.problems()) said += problem.ToString() + "\n";
    return said;
  }
  // Whether the listener has descriptors with this path.
  bool Serves(int port, const std::string& path) {
    const auto listener = pipeline.ResourcesOf(kRole)[xds::Type::kListener].at(Cat("listener-::-", port));
    return std::ranges::any_of(listener->body,
                               [&](const auto& piece) { return piece->find(path) != std::string::npos; });
  }

  Pipeline pipeline{Pipeline::Options()};
};

TEST_F(ConfigMapsTest, AChangeReRunsOnlyTheListenerThatReadsIt) {
  Stage(ConfigMap("a", kGoods));
  EXPECT_THAT(Commit(), ElementsAre("listener-::-1"));
  EXPECT_EQ(Runs("checked-listeners"), 1U);
  EXPECT_EQ(Runs("listeners"), 1U);
  EXPECT_EQ(Runs("translated-virtual-hosts"), 0U);
  EXPECT_TRUE(Serves(1, "/goods/"));
  EXPECT_TRUE(Serves(2, "/items/"));
}

TEST_F(ConfigMapsTest, OneThatNobodyReadsRunsNothing) {
  Stage(ConfigMap("other", kItems));
  EXPECT_THAT(Commit(), IsEmpty());
  EXPECT_EQ(pipeline.graph().last_runs(), 0U);
  EXPECT_THAT(Said(), "");
}

TEST_F(ConfigMapsTest, ABadOneLeavesTheListenerAsItWas) {
  for (const std::string& bad : {std::string("no: base64"), EncodeBase64("no descriptors"), std::string()}) {
    Stage(ConfigMap("a", bad));
    EXPECT_THAT(Commit(), IsEmpty()) << bad;
    EXPECT_THAT(Said(), HasSubstr("Gateway gloo-system/g1: httpGateway.options.grpcJsonTranscoder")) << bad;
  }
  EXPECT_TRUE(Serves(1, "/items/"));
  // It goes on with what it has, whatever else is asked of it until that is mended.
  Stage(Gateway(1, Transcoder("a") + ", healthCheck: {path: /ok}"));
  EXPECT_THAT(Commit(), IsEmpty());
  Stage(ConfigMap("a", kGoods));
  EXPECT_THAT(Commit(), ElementsAre("listener-::-1"));
  EXPECT_TRUE(Serves(1, "/goods/"));
  EXPECT_TRUE(Serves(1, "/ok"));
  EXPECT_THAT(Said(), "");
}

TEST_F(ConfigMapsTest, OneThatGoesLeavesTheListenerAsItWas) {
  Remove("a");
  EXPECT_THAT(Commit(), IsEmpty());
  EXPECT_THAT(Said(), HasSubstr("there is no ConfigMap default/a"));
  EXPECT_TRUE(Serves(1, "/items/"));
  // Needs of routes change the listener, which still has the old descriptors.
  Stage(
      "{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: v}, spec: {virtualHost: {routes: "
      "[{matchers: [{prefix: /}], options: {faults: {abort: {percentage: 1, httpStatus: 503}}}, "
      "directResponseAction: {status: 200}}]}}}");
  Commit();
  EXPECT_TRUE(Serves(1, "/items/"));
  Stage(ConfigMap("a", kItems));
  EXPECT_THAT(Commit(), IsEmpty());
  EXPECT_THAT(Said(), "");
}

TEST_F(ConfigMapsTest, OneThatComesLaterBringsTheListener) {
  Stage(Gateway(4, Transcoder("late")));
  EXPECT_THAT(Commit(), IsEmpty());
  Stage(ConfigMap("late", kGoods));
  EXPECT_THAT(Commit(), testing::Contains("listener-::-4"));
  EXPECT_TRUE(Serves(4, "/goods/"));
}

TEST_F(ConfigMapsTest, WhatIsOnlyTriedLeavesNoTrace) {
  {
    Speculation speculation(pipeline);
    Change bad;
    bad.key = {Kind::kArtifact, "default", "a"};
    speculation.Try({bad});
  }
  EXPECT_THAT(Commit(), IsEmpty());
  EXPECT_THAT(Said(), "");
  Stage(ConfigMap("a", kGoods));
  EXPECT_THAT(Commit(), ElementsAre("listener-::-1"));
}

}  // namespace
}  // namespace k8sgw
