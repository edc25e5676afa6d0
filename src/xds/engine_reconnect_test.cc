// Clients that come back with what they had on an earlier connection.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "src/xds/test_client.h"
#include "src/xds/test_resource.h"

namespace k8sgw::xds {
namespace {

struct EngineReconnectTest : testing::Test {
  void Put(std::vector<Ptr<Resource>> resources) { engine.Apply("a~b", {std::move(resources), {}}, {}); }

  Engine engine{{.fallback_role = "fallback", .on_nack = {}}};
};

TEST_F(EngineReconnectTest, AReconnectingClientGetsOnlyTheDifference) {
  Put({Make(Type::kCluster, "same", "1"), Make(Type::kCluster, "changed", "2")});
  Client client(engine, true);
  client.Subscribe(Type::kCluster, {},
                   {{"same", HexHash(Hash64("1"))}, {"changed", HexHash(Hash64("old"))}, {"gone", "x"}});
  ASSERT_EQ(client.inbox.size(), 1u);
  ASSERT_EQ(client.inbox[0].resources.size(), 1u);
  EXPECT_EQ(client.inbox[0].resources[0]->name, "changed");
  client.Answer();
  ASSERT_EQ(client.inbox.size(), 1u);
  EXPECT_EQ(client.inbox[0].removed, std::vector<std::string>{"gone"});
}

TEST_F(EngineReconnectTest, AReconnectingClientIsNotSentAgainWhatItNames) {
  Put({Make(Type::kRoute, "same", "1"), Make(Type::kRoute, "changed", "2"), Make(Type::kRoute, "new", "1")});
  const std::map<std::string, std::string> has{
      {"same", HexHash(Hash64("1"))}, {"changed", HexHash(Hash64("old"))}, {"gone", "x"}};
  Client client(engine, true);
  client.Subscribe(Type::kRoute, {"same", "changed", "gone", "new", "nowhere"}, has);
  client.AnswerAll();
  EXPECT_TRUE(client.has[Type::kRoute].contains("changed"));
  EXPECT_TRUE(client.has[Type::kRoute].contains("new"));
  EXPECT_FALSE(client.has[Type::kRoute].contains("same"));
  // In the same stream, who asks wants to hear.
  client.Subscribe(Type::kRoute, {"same"});
  client.AnswerAll();
  EXPECT_TRUE(client.has[Type::kRoute].contains("same"));
  Client idle(engine, true);
  idle.Subscribe(Type::kRoute, {"same"}, {{"same", HexHash(Hash64("1"))}});
  EXPECT_TRUE(idle.inbox.empty());
  Put({Make(Type::kRoute, "same", "3")});
  EXPECT_EQ(idle.inbox.size(), 1u);
}

TEST_F(EngineReconnectTest, AReconnectingStateOfTheWorldClientWithTheSameVersionGetsNothing) {
  Put({Make(Type::kCluster, "c", "1")});
  std::string version;
  {
    Client first(engine, false);
    first.Subscribe(Type::kCluster);
    version = first.Answer().version;
  }
  Client second(engine, false);
  Request request = second.Base(Type::kCluster);
  request.version = version;
  engine.Receive(second.id, request, {});
  EXPECT_TRUE(second.inbox.empty());
  // And one that has something else, of whatever control plane, or the answer to which this one never sent.
  for (const bool answers : {false, true}) {
    Client third(engine, false);
    request = third.Base(Type::kCluster);
    request.version = "of-another-control-plane";
    if (answers) request.nonce = "77";
    engine.Receive(third.id, request, {});
    ASSERT_EQ(third.inbox.size(), 1u) << answers;
    EXPECT_EQ(third.inbox[0].version, version);
    EXPECT_EQ(third.inbox[0].resources.size(), 1u);
  }
}

// It came back with a listener that is there again only after that: from then on it is known what it looks into.
TEST_F(EngineReconnectTest, ScopesThatAreGoneGoWhenTheListenerOfAnEarlierLifeIsKnown) {
  Put({Make(Type::kCluster, "c", "1")});
  Client client(engine, true);
  client.Subscribe(Type::kScope, {"b", "*"}, {{"old", "x"}});
  client.Subscribe(Type::kListener, {}, {{"l", HexHash(Hash64("1"))}});
  Put({Make(Type::kListener, "l", "1")});
  std::vector<std::string> removed;
  while (!client.inbox.empty()) {
    const Response response = client.Answer();
    removed.insert(removed.end(), response.removed.begin(), response.removed.end());
  }
  EXPECT_EQ(removed, (std::vector<std::string>{"b", "old"}));
}

}  // namespace
}  // namespace k8sgw::xds
