// Endpoints that travel apart from their clusters: Envoy uses neither without the other.

#include <gtest/gtest.h>

#include "src/xds/test_client.h"
#include "src/xds/test_resource.h"

namespace k8sgw::xds {
namespace {

struct EndpointsTest : testing::TestWithParam<bool> {
  void Put(std::vector<Ptr<Resource>> resources, std::vector<std::pair<Type, std::string>> removed = {}) {
    engine.Apply("a~b", {std::move(resources), std::move(removed)}, {});
  }

  // A client that has the cluster "c" with endpoints "e" and routes to it.
  void Settle() {
    Put({MakeEdsCluster("c", "c1"), Make(Type::kEndpoint, "c", "e1"), Make(Type::kListener, "l", "l"),
         Make(Type::kRoute, "r", "to c")});
    client.Subscribe(Type::kCluster);
    client.Subscribe(Type::kEndpoint, {"c"});
    client.Subscribe(Type::kListener);
    client.AnswerAll();
    client.Subscribe(Type::kRoute, {"r"});
    client.AnswerAll();
    ASSERT_TRUE(engine.InSync("a~b"));
  }

  // The types of what comes while everything is answered.
  std::vector<Type> Order() {
    std::vector<Type> order;
    while (!client.inbox.empty()) {
      order.push_back(client.inbox[0].type);
      client.Answer();
    }
    return order;
  }

  Engine engine{{.unknown_role_grace = {}, .fallback_role = "fallback", .on_nack = {}}};
  Client client{engine, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(All, EndpointsTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Delta" : "State"; });

TEST_P(EndpointsTest, PodsThatComeAndGoTouchNoCluster) {
  Settle();
  Put({Make(Type::kEndpoint, "c", "e2")});
  EXPECT_EQ(Order(), std::vector{Type::kEndpoint});
  EXPECT_EQ(client.has[Type::kEndpoint]["c"], "e2");
}

TEST_P(EndpointsTest, RoutesWaitForTheEndpointsOfTheirNewCluster) {
  Settle();
  Put({MakeEdsCluster("n", "n1"), Make(Type::kEndpoint, "n", "e"), Make(Type::kRoute, "r", "to n")});
  ASSERT_EQ(client.inbox.size(), 1U);
  ASSERT_EQ(client.inbox[0].type, Type::kCluster);
  // Envoy asks for them before it answers.
  client.Subscribe(Type::kEndpoint,
                   client.is_delta ? std::vector<std::string>{"n"} : std::vector<std::string>{"c", "n"});
  EXPECT_EQ(Order(), (std::vector{Type::kCluster, Type::kEndpoint, Type::kRoute}));
  EXPECT_EQ(client.has[Type::kEndpoint]["n"], "e");
  EXPECT_TRUE(engine.InSync("a~b"));
}

TEST_P(EndpointsTest, EndpointsOfAChangedClusterAreToldAgain) {
  Settle();
  client.has[Type::kEndpoint].clear();
  Put({MakeEdsCluster("c", "c2")});
  EXPECT_EQ(Order(), (std::vector{Type::kCluster, Type::kEndpoint}));
  EXPECT_EQ(client.has[Type::kEndpoint]["c"], "e1") << "Envoy does not ask for what it knows, and waits";
  EXPECT_TRUE(engine.InSync("a~b"));
  // Once, not for ever.
  Put({Make(Type::kRoute, "r", "other")});
  EXPECT_EQ(Order(), std::vector{Type::kRoute});
}

TEST_P(EndpointsTest, AClusterThatSaysItsEndpointsItselfNeedsNoMore) {
  Settle();
  Put({Make(Type::kCluster, "c", "static")});
  EXPECT_EQ(Order(), std::vector{Type::kCluster});
}

TEST_P(EndpointsTest, ARefusedClusterKeepsItsEndpoints) {
  Settle();
  Put({MakeEdsCluster("c", "bad")});
  client.Answer("c: no");
  Order();
  EXPECT_EQ(client.has[Type::kEndpoint]["c"], "e1");
  EXPECT_TRUE(client.inbox.empty()) << "must not spin";
  Put({Make(Type::kEndpoint, "c", "e2")});
  Order();
  EXPECT_EQ(client.has[Type::kEndpoint]["c"], "e2") << "the cluster that it kept goes on";
}

TEST_P(EndpointsTest, EndpointsThatWereRefusedAreToldAgainToAChangedCluster) {
  Put({MakeEdsCluster("c", "c1"), Make(Type::kEndpoint, "c", "bad")});
  client.Subscribe(Type::kCluster);
  client.Subscribe(Type::kEndpoint, {"c"});
  client.Answer();
  client.Answer("c: no");
  ASSERT_TRUE(client.inbox.empty()) << "must not spin";
  Put({MakeEdsCluster("c", "c2")});
  // A word that it refuses lets it go on; silence does not.
  ASSERT_EQ(client.inbox.size(), 2U);
  EXPECT_EQ(client.inbox[1].type, Type::kEndpoint);
  EXPECT_EQ(client.inbox[1].resources.size(), 1U);
  client.Answer();
  client.Answer("c: no");
  EXPECT_TRUE(client.inbox.empty()) << "must not spin";
}

// A client that comes back to another server, has the cluster as it was, and takes the new one at the second try.
TEST(ReturningClientTest, ARefusedClusterThatComesAlongAgainIsTakenWithItsEndpoints) {
  Engine engine{{.unknown_role_grace = {}, .fallback_role = "fallback", .on_nack = {}}};
  const auto put = [&](std::vector<Ptr<Resource>> resources) { engine.Apply("a~b", {std::move(resources), {}}, {}); };
  put({MakeEdsCluster("c", "c2"), Make(Type::kEndpoint, "c", "e")});
  Client client(engine, /*delta=*/false);
  Request clusters = client.Base(Type::kCluster);
  clusters.version = "of another server";
  engine.Receive(client.id, clusters, client.now);
  client.Subscribe(Type::kEndpoint, {"c"});
  ASSERT_EQ(client.inbox.size(), 2U);
  client.Answer("c: no");
  client.Answer();
  put({MakeEdsCluster("d", "d1")});
  ASSERT_EQ(client.inbox.size(), 2U);
  EXPECT_EQ(client.inbox[0].resources.size(), 2U);
  EXPECT_EQ(client.inbox[1].type, Type::kEndpoint) << "it warms the cluster up, and asks for nothing that it knows";
}

TEST_P(EndpointsTest, WhatWasRefusedOnceAndTakenLaterIsNotRefusedAnyMore) {
  Put({MakeEdsCluster("c", "c1"), MakeEdsCluster("d", "d1"), Make(Type::kEndpoint, "c", "e1"),
       Make(Type::kEndpoint, "d", "e1")});
  client.Subscribe(Type::kCluster);
  client.Subscribe(Type::kEndpoint, {"c", "d"});
  client.Answer();
  client.Answer("c: no");
  // Told again, and taken now, while something else is refused.
  Put({MakeEdsCluster("c", "c2"), Make(Type::kEndpoint, "d", "bad")});
  ASSERT_EQ(client.inbox.size(), 2U);
  client.Answer();
  client.Answer("d: no");
  // The same with another version, so that no answer without fault comes between.
  Put({Make(Type::kEndpoint, "c", "e2"), Make(Type::kEndpoint, "d", "worse")});
  client.Answer("d: no");
  Put({Make(Type::kEndpoint, "c", "e1")});
  Order();
  EXPECT_EQ(client.has[Type::kEndpoint]["c"], "e1");
}

TEST_P(EndpointsTest, AClusterGoesAfterItsRoutesAndItsEndpoints) {
  Settle();
  Put({Make(Type::kRoute, "r", "nowhere")}, {{Type::kCluster, "c"}, {Type::kEndpoint, "c"}});
  const auto order = Order();
  ASSERT_FALSE(order.empty());
  EXPECT_EQ(order.front(), Type::kRoute);
  EXPECT_EQ(order.back(), Type::kCluster);
  EXPECT_FALSE(client.has[Type::kCluster].contains("c"));
}

}  // namespace
}  // namespace k8sgw::xds
