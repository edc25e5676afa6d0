#include "src/pipeline/nacks.h"

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

// Two replicas that have the same objects.
class NacksTest : public testing::Test {
 protected:
  static void Apply(Pipeline& pipeline, int kilobytes) {
    const std::string text =
        Cat("apiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {name: http, namespace: gloo-system}\n",
            "spec: {bindAddress: '::', bindPort: 8080, proxyNames: [gateway-proxy], httpGateway: {options: ",
            "{httpConnectionManagerSettings: {maxRequestHeadersKb: ", kilobytes, "}}}}\n",
            "---\napiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: {virtualHost: {",
            "domains: [a.example], routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200}}]}}\n");
    for (const yaml::Node& document : yaml::Parse(text).documents) {
      for (const Change& change : DecodeKubernetes(document, "default").objects) pipeline.Stage(change);
    }
    pipeline.Commit();
  }
  void SetUp() override {
    Apply(leader, 10);
    Apply(follower, 10);
  }
  static Ptr<xds::Resource> Listener(Pipeline& pipeline) {
    return pipeline.ResourcesOf(kRole)[xds::Type::kListener].begin()->second;
  }
  static void Refuse(Pipeline& pipeline, const std::string& words = "no") {
    const auto listener = Listener(pipeline);
    pipeline.ReportNack({kRole, "envoy", xds::Type::kListener, {{listener->name, listener, nullptr}}, words});
  }
  void Tell() { leader.nacks().SetOf("follower", follower.nacks().Own()); }

  Pipeline leader{Pipeline::Options()};
  Pipeline follower{Pipeline::Options()};
};

TEST_F(NacksTest, WhatAnotherReplicaSaysIsTheSameProblem) {
  Refuse(follower);
  ASSERT_EQ(follower.problems().size(), 1U);
  Tell();
  EXPECT_EQ(leader.problems(), follower.problems());
  const auto gateway = follower.problems().front().object;
  EXPECT_THAT(leader.problem_table().Of(gateway).front().roles, ElementsAre(Name(kRole)));
  // It is said of our own Envoys, too: nothing changes, also when one of both goes.
  leader.problem_table().TakeDifference();
  Refuse(leader);
  EXPECT_EQ(leader.problems().size(), 1U);
  leader.nacks().SetOf("follower", {});
  EXPECT_EQ(leader.problems().size(), 1U);
  EXPECT_THAT(leader.problem_table().TakeDifference().added, IsEmpty());
  EXPECT_THAT(leader.problem_table().TakeDifference().removed, IsEmpty());
}

TEST_F(NacksTest, WhatIsHeardIsNotOurOwn) {
  Refuse(follower);
  Tell();
  EXPECT_THAT(leader.nacks().Own(), IsEmpty());
  ASSERT_EQ(follower.nacks().Own().size(), 1U);
  EXPECT_EQ(follower.nacks().Own().front().version, Listener(leader)->version);
}

TEST_F(NacksTest, AMendedObjectCountsAtOnceOnEachReplica) {
  Refuse(follower);
  Tell();
  Apply(leader, 20);
  EXPECT_THAT(leader.problems(), IsEmpty());
  // It has not heard of that, and says it again; and so to one that has just begun.
  Tell();
  EXPECT_THAT(leader.problems(), IsEmpty());
  Pipeline next{Pipeline::Options()};
  Apply(next, 20);
  next.nacks().SetOf("follower", follower.nacks().Own());
  EXPECT_THAT(next.problems(), IsEmpty());
  // The old version comes back, and is as bad as it was.
  Apply(leader, 10);
  EXPECT_EQ(leader.problems(), follower.problems());
  Apply(leader, 20);
  Apply(follower, 20);
  EXPECT_THAT(follower.nacks().Own(), IsEmpty());
  Tell();
  EXPECT_THAT(leader.problems(), IsEmpty());
}

TEST_F(NacksTest, AReplicaMayBeAheadOfUs) {
  Apply(follower, 20);
  Refuse(follower);
  Tell();
  Apply(leader, 20);
  EXPECT_EQ(leader.problems(), follower.problems());
  EXPECT_EQ(leader.problems().size(), 1U);
}

TEST_F(NacksTest, EachReplicaTakesBackItsOwn) {
  Refuse(follower, "one");
  const auto one = follower.nacks().Own();
  Refuse(follower, "two");
  leader.nacks().SetOf("a", one);
  leader.nacks().SetOf("b", follower.nacks().Own());
  EXPECT_EQ(leader.problems().size(), 2U);
  leader.nacks().SetOf("a", {});
  EXPECT_EQ(leader.problems(), follower.problems());
  leader.nacks().SetOf("b", {});
  leader.nacks().SetOf("c", {});
  EXPECT_THAT(leader.problems(), IsEmpty());
  EXPECT_THAT(leader.problem_table().RolesWithProblems(), IsEmpty());
}

}  // namespace
}  // namespace k8sgw
