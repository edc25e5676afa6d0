#include "src/cmd/control_plane.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "src/base/yaml.h"
#include "src/model/decode.h"

namespace k8sgw {
namespace {

// A table that is to be divided, and cannot be.
constexpr char kGateway[] =
    "{apiVersion: gateway.solo.io/v1, kind: Gateway, metadata: {name: gw, namespace: gloo-system}, "
    "spec: {bindAddress: '::', bindPort: 8080, httpGateway: {}}}";
constexpr char kService[] =
    "{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: vs, namespace: default}, spec: "
    "{virtualHost: {domains: ['*.example.com', 'example.com'], options: {ratelimit: {localRatelimit: {maxTokens: 1, "
    "tokensPerFill: 1, fillInterval: 1s}}}, "
    "routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200}}]}}}";

bool StaysWhole(ControlPlane& control) {
  const Problems all = control.pipeline().problem_table().All();
  return std::ranges::any_of(all, [](const Problem& problem) {
    return problem.object.name == "gw" && problem.message.find("stay in one route table") != std::string::npos;
  });
}

// Nothing of the cluster changes, and yet a status does.
TEST(ControlPlaneTest, TellsProblemsThatComeWithTheFirstModule) {
  EventLoop loop;
  int told = 0;
  ControlPlaneOptions options;
  options.route_shards = 8;
  options.on_problems = [&told] { ++told; };
  ControlPlane control(options, loop, [](const Problem&) { return std::string(); });
  std::vector<Change> changes;
  for (const char* text : {kGateway, kService}) {
    for (const Change& change : DecodeKubernetes(yaml::Parse(text).documents.at(0), "default").objects)
      changes.push_back(change);
  }
  control.Apply(changes, {});
  EXPECT_FALSE(StaysWhole(control));
  EXPECT_EQ(told, 0);
  control.UseModule("gloo-system~gateway-proxy");
  EXPECT_TRUE(StaysWhole(control));
  EXPECT_EQ(told, 1);
  control.UseModule("gloo-system~gateway-proxy");
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace k8sgw
