#include "src/xds/engine.h"

#include <gtest/gtest.h>

#include <random>

#include "src/xds/test_client.h"
#include "src/xds/test_resource.h"

namespace k8sgw::xds {
namespace {

using namespace std::chrono_literals;

struct EngineTest : testing::Test {
  EngineTest()
      : engine({.unknown_role_grace = 5000ms, .fallback_role = "fallback", .on_nack = [this](const Nack& n) {
                  nacks.push_back(n);
                }}) {}

  void Put(std::vector<Ptr<Resource>> resources, std::vector<std::pair<Type, std::string>> removed = {}) {
    engine.Apply("a~b", {std::move(resources), std::move(removed)}, {});
  }

  std::vector<Nack> nacks;
  Engine engine;
};

TEST_F(EngineTest, UnchangedIsNeverSentAgain) {
  for (bool delta : {true, false}) {
    Put({Make(Type::kCluster, "c1", "1"), Make(Type::kCluster, "c2", "1")});
    Client client(engine, delta);
    client.Subscribe(Type::kCluster);
    client.AnswerAll();
    EXPECT_EQ(client.has[Type::kCluster].size(), 2u);
    Put({Make(Type::kCluster, "c1", "1")});
    EXPECT_TRUE(client.inbox.empty());
    Put({Make(Type::kCluster, "c1", "2")});
    ASSERT_EQ(client.inbox.size(), 1u);
    EXPECT_EQ(client.inbox[0].resources.size(), delta ? 1u : 2u);
    client.AnswerAll();
    EXPECT_EQ(client.has[Type::kCluster]["c1"], "2");
    Put({Make(Type::kCluster, "c1", "1")});
  }
}

TEST_F(EngineTest, ARouteWaitsForTheAnswerAboutItsNewCluster) {
  for (bool delta : {true, false}) {
    Put({Make(Type::kRoute, "r", "old"), Make(Type::kListener, "l", "l")}, {{Type::kCluster, "new"}});
    Client client(engine, delta);
    client.Subscribe(Type::kCluster);
    client.Subscribe(Type::kListener);
    client.AnswerAll();
    client.Subscribe(Type::kRoute, {"r"});
    client.AnswerAll();
    Put({Make(Type::kRoute, "r", "uses new"), Make(Type::kCluster, "new", "n")});
    ASSERT_EQ(client.inbox.size(), 1u);
    EXPECT_EQ(client.inbox[0].type, Type::kCluster);
    client.Answer();
    ASSERT_EQ(client.inbox.size(), 1u);
    EXPECT_EQ(client.inbox[0].type, Type::kRoute);
    client.Answer();
    // And away again: the route first, the cluster when the route is answered.
    Put({Make(Type::kRoute, "r", "old")}, {{Type::kCluster, "new"}});
    ASSERT_EQ(client.inbox.size(), 1u);
    EXPECT_EQ(client.inbox[0].type, Type::kRoute);
    EXPECT_TRUE(client.has[Type::kCluster].contains("new"));
    client.AnswerAll();
    EXPECT_FALSE(client.has[Type::kCluster].contains("new"));
  }
}

TEST_F(EngineTest, WhatGoesOnItsWayWhileNobodyWantsItIsTakenBack) {
  Put({Make(Type::kCluster, "c", "1")});
  Client client(engine, true);
  client.Subscribe(Type::kCluster, {"*"});
  Request request = client.Base(Type::kCluster);
  request.unsubscribe = {"*"};
  engine.Receive(client.id, request, client.now);
  Put({}, {{Type::kCluster, "c"}});
  client.Subscribe(Type::kCluster, {"*"});
  ASSERT_EQ(client.inbox.size(), 1u) << "what was on its way at first";
  client.AnswerAll();
  EXPECT_FALSE(client.has[Type::kCluster].contains("c"));
}

TEST_F(EngineTest, ARefusedVersionIsNotSentAgainUntilItChanges) {
  for (bool delta : {true, false}) {
    nacks.clear();
    Put({Make(Type::kCluster, "good", "g"), Make(Type::kCluster, "bad", "b")});
    Client client(engine, delta);
    client.Subscribe(Type::kCluster);
    client.Answer("Error adding/updating cluster(s) bad: no");
    ASSERT_EQ(nacks.size(), 1u);
    ASSERT_EQ(nacks[0].resources.size(), 1u);
    EXPECT_EQ(nacks[0].resources[0].name, "bad");
    EXPECT_EQ(*nacks[0].resources[0].resource->body.front(), "b");
    EXPECT_EQ(nacks[0].resources[0].accepted, nullptr);
    for (int i = 0; i < 5 && !client.inbox.empty(); ++i) client.Answer();
    EXPECT_TRUE(client.inbox.empty()) << "must not spin";
    Put({Make(Type::kListener, "l", "l")});
    client.Subscribe(Type::kListener);
    client.AnswerAll();
    EXPECT_TRUE(client.has[Type::kListener].contains("l")) << "other types go on";
    Put({Make(Type::kCluster, "bad", "mended")});
    client.AnswerAll();
    EXPECT_EQ(client.has[Type::kCluster]["bad"], "mended");
    Put({Make(Type::kCluster, "bad", "bad again")});
    client.Answer("bad: no");
    ASSERT_EQ(nacks.size(), 2u);
    EXPECT_EQ(*nacks[1].resources[0].accepted->body.front(), "mended") << "what the client keeps";
    Put({}, {{Type::kListener, "l"}});
  }
}

TEST_F(EngineTest, ANameThatIsAPartOfTheRefusedOneIsNotRefused) {
  const std::vector<std::string> innocent = {"cat_default", "a/b", "b/ca", "x.y_default", "is"};
  for (const std::string& name : innocent) {
    Put({Make(Type::kCluster, name, "1")});
    Put({Make(Type::kCluster, "my-cat_default", "1"), Make(Type::kCluster, "a/b/ca", "1"),
         Make(Type::kCluster, "w.x.y_default", "1")});
    Client client(engine, true);
    client.Subscribe(Type::kCluster);
    nacks.clear();
    client.Answer("Error adding/updating cluster(s) my-cat_default: no, w.x.y_default: no, a/b/ca: this fails.");
    ASSERT_EQ(nacks.size(), 1u);
    ASSERT_EQ(nacks[0].resources.size(), 3u) << name;
    // The client has it, so it must hear that it is gone.
    Put({}, {{Type::kCluster, name}});
    ASSERT_EQ(client.inbox.size(), 1u) << name;
    EXPECT_EQ(client.inbox[0].removed, std::vector{name});
  }
}

TEST_F(EngineTest, ARefusedNameMayEndASentence) {
  Put({Make(Type::kCluster, "a.b_default", "1"), Make(Type::kCluster, "c_default", "1")});
  Client client(engine, true);
  client.Subscribe(Type::kCluster);
  client.Answer("Something is wrong with a.b_default.");
  ASSERT_EQ(nacks.size(), 1u);
  ASSERT_EQ(nacks[0].resources.size(), 1u);
  EXPECT_EQ(nacks[0].resources[0].name, "a.b_default");
}

TEST_F(EngineTest, StreamsAreCountedByRole) {
  Put({Make(Type::kCluster, "c", "1")});
  Client client(engine, true);
  client.Subscribe(Type::kCluster);
  const auto of = [&](std::chrono::seconds later) { return engine.StreamsByRole(client.now + later).at("a~b"); };
  EXPECT_EQ(of(0s).all, 1u);
  EXPECT_FALSE(of(0s).in_sync);
  EXPECT_EQ(of(29s).stuck, 0u) << "it is on its way";
  EXPECT_EQ(of(30s).stuck, 1u);
  client.Answer();
  EXPECT_EQ(of(1h).stuck, 0u);
  EXPECT_TRUE(of(1h).in_sync);
}

// Envoy names what it refuses in at most 4096 bytes.
TEST_F(EngineTest, WhatCutWordsDoNotNameIsSentAgain) {
  for (const bool delta : {true, false}) {
    nacks.clear();
    Client client(engine, delta);
    Put({Make(Type::kListener, "l1", "bad"), Make(Type::kListener, "l2", "bad"), Make(Type::kListener, "l3", "good")});
    client.Subscribe(Type::kListener);
    client.Answer("l1 is bad: ...(truncated)");
    ASSERT_EQ(client.inbox.size(), 1u);
    EXPECT_EQ(client.inbox[0].resources.size(), 2u);
    client.Answer("l2 is bad");
    EXPECT_TRUE(engine.InSync("a~b"));
    ASSERT_EQ(nacks.size(), 2u);
    ASSERT_EQ(nacks[0].resources.size(), 1u);
    EXPECT_EQ(nacks[0].resources[0].name, "l1");
    ASSERT_EQ(nacks[1].resources.size(), 1u);
    EXPECT_EQ(nacks[1].resources[0].name, "l2");
  }
}

TEST_F(EngineTest, EndlessWordsAreCut) {
  Client client(engine, true);
  Put({Make(Type::kListener, "l1", "bad")});
  client.Subscribe(Type::kListener);
  client.Answer("l1 " + std::string(20 << 20, 'x'));
  ASSERT_EQ(nacks.size(), 1u);
  EXPECT_LT(nacks[0].message.size(), size_t{32} << 10);
}

TEST_F(EngineTest, AnEmptySnapshotIsAnsweredOnce) {
  Put({});
  Client client(engine, true);
  client.Subscribe(Type::kCluster);
  ASSERT_EQ(client.inbox.size(), 1u);
  client.Answer();
  EXPECT_TRUE(client.inbox.empty());
}

TEST_F(EngineTest, UnknownRolesWaitThenGetTheFallback) {
  engine.Apply("fallback", {{Make(Type::kListener, "sorry", "s")}, {}}, {});
  Client nobody(engine, true, "");
  nobody.Subscribe(Type::kListener);
  EXPECT_EQ(nobody.inbox.size(), 1u);
  Client unknown(engine, true, "not~there");
  unknown.Subscribe(Type::kListener);
  EXPECT_TRUE(unknown.inbox.empty());
  ASSERT_TRUE(engine.NextDeadline().has_value());
  engine.Tick(*engine.NextDeadline());
  ASSERT_EQ(unknown.inbox.size(), 1u);
  unknown.AnswerAll();
  EXPECT_TRUE(unknown.has[Type::kListener].contains("sorry"));
  engine.Apply("not~there", {{Make(Type::kListener, "mine", "m")}, {}}, {});
  unknown.AnswerAll();
  EXPECT_EQ(unknown.has[Type::kListener].size(), 1u);
  EXPECT_TRUE(unknown.has[Type::kListener].contains("mine"));
  EXPECT_EQ(engine.stats().unknown_roles, 1);
}

TEST_F(EngineTest, WhoLeavesIsNotWaitedFor) {
  Client first(engine, true, "not~there");
  first.Subscribe(Type::kListener);
  const auto deadline = engine.NextDeadline();
  {
    Client second(engine, true, "not~there");
    second.Subscribe(Type::kListener);
  }
  engine.Close(first.id);
  EXPECT_TRUE(deadline.has_value());
  EXPECT_FALSE(engine.NextDeadline().has_value());
}

TEST_F(EngineTest, TheFallbackGoesAlsoWhenTheRoleComesBeforeItIsAnswered) {
  for (bool delta : {true, false}) {
    const std::string role = delta ? "late~delta" : "late~state";
    engine.Apply("fallback", {{Make(Type::kListener, "sorry", "s")}, {}}, {});
    Client client(engine, delta, role);
    client.Subscribe(Type::kListener);
    engine.Tick(*engine.NextDeadline());
    ASSERT_EQ(client.inbox.size(), 1u);
    engine.Apply(role, {}, {});
    client.AnswerAll();
    EXPECT_TRUE(client.has[Type::kListener].empty());
  }
}

TEST_F(EngineTest, WhoAsksForEverythingAgainGetsEverythingAgain) {
  Put({Make(Type::kCluster, "a", "1"), Make(Type::kCluster, "b", "1")});
  Client client(engine, true);
  client.Subscribe(Type::kCluster, {"*"});
  client.AnswerAll();
  Request request;
  request.type_url = TypeUrl(Type::kCluster);
  request.unsubscribe = {"b", "*"};
  engine.Receive(client.id, request, {});
  EXPECT_TRUE(client.inbox.empty());
  client.Subscribe(Type::kCluster, {"*"});
  ASSERT_EQ(client.inbox.size(), 1u);
  EXPECT_EQ(client.inbox[0].resources.size(), 2u);
}

TEST_F(EngineTest, AStaleNonceIsIgnored) {
  Put({Make(Type::kCluster, "c", "1")});
  Client client(engine, true);
  client.Subscribe(Type::kCluster);
  Request stale = client.Base(Type::kCluster);
  stale.nonce = "999";
  engine.Receive(client.id, stale, {});
  EXPECT_EQ(client.inbox.size(), 1u);
  EXPECT_EQ(engine.stats().acks, 0);
}

TEST_F(EngineTest, RolesAreWholeNames) {
  engine.Apply("a~b", {{Make(Type::kCluster, "c", "1")}, {}}, {});
  using std::string_literals::operator""s;
  for (const std::string& role : {"a~b~"s, "~a~b"s, "a~"s, "~"s, "a~b~c"s, "a/b"s, "a~b/../b"s, "A~b"s, "a~b "s,
                                  "a~b\0"s, "*"s, std::string(1 << 20, 'a')}) {
    Client client(engine, true, role);
    client.Subscribe(Type::kCluster);
    EXPECT_TRUE(client.inbox.empty()) << role.substr(0, 20);
  }
  Client own(engine, true, "a~b");
  own.Subscribe(Type::kCluster);
  EXPECT_EQ(own.inbox.size(), 1u);
}

TEST_F(EngineTest, AHundredThousandNamesThatAreNotThere) {
  Put({Make(Type::kCluster, "c", "1")});
  std::vector<std::string> names;
  for (int i = 0; i < 100'000; ++i) names.push_back("r" + std::to_string(i));
  for (const bool delta : {true, false}) {
    Client many(engine, delta);
    many.Subscribe(Type::kRoute, names);
    many.AnswerAll();
    EXPECT_TRUE(many.has[Type::kRoute].empty());
    Client other(engine, delta);
    other.Subscribe(Type::kCluster);
    EXPECT_EQ(other.inbox.size(), 1u);
    Put({Make(Type::kRoute, "r77", delta ? "one" : "two")});
    other.AnswerAll();
    many.AnswerAll();
    EXPECT_TRUE(many.has[Type::kRoute].contains("r77"));
    Put({}, {{Type::kRoute, "r77"}});
    many.AnswerAll();
  }
}

TEST_F(EngineTest, AStreamOfOneTypeTellsNoOther) {
  Put({Make(Type::kCluster, "c", "1"), Make(Type::kListener, "l", "1")});
  std::vector<Response> inbox;
  const StreamId id = engine.Open({.delta = true, .single_type = Type::kCluster},
                                  [&](Response response) { inbox.push_back(std::move(response)); });
  for (const Type type : {Type::kListener, Type::kCluster}) {
    Request request;
    request.role = "a~b";
    request.type_url = TypeUrl(type);
    engine.Receive(id, request, {});
  }
  ASSERT_EQ(inbox.size(), 1u);
  EXPECT_EQ(inbox[0].type, Type::kCluster);
  engine.Close(id);
}

TEST_F(EngineTest, AnUnknownTypeGetsAnEmptyAnswer) {
  Put({});
  Client client(engine, true);
  Request request = client.Base(Type::kCluster);
  request.type_url = "type.googleapis.com/what.Is.This";
  engine.Receive(client.id, request, {});
  ASSERT_EQ(client.inbox.size(), 1u);
  EXPECT_TRUE(client.inbox[0].resources.empty());
  EXPECT_EQ(client.inbox[0].type_url, request.type_url);
}

// Random updates, and clients of both kinds that ack, nack, stall and reconnect: in the end each has what the snapshot
// says, and at no moment a route names a cluster that its client was not sent.
TEST_F(EngineTest, ClientsConvergeAndRoutesNeverPointAtNothing) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    Engine local({.unknown_role_grace = 5000ms, .fallback_role = "fallback", .on_nack = {}});
    std::map<std::string, std::string> clusters;
    std::string route = "uses:";
    std::vector<std::unique_ptr<Client>> clients;
    const auto connect = [&] {
      auto client = std::make_unique<Client>(local, clients.size() % 2 == 0);
      client->Subscribe(Type::kCluster);
      client->Subscribe(Type::kListener);
      client->Subscribe(Type::kRoute, {"r"});
      clients.push_back(std::move(client));
    };
    local.Apply("a~b", {{Make(Type::kListener, "l", "l"), Make(Type::kRoute, "r", route)}, {}}, {});
    for (int i = 0; i < 4; ++i) connect();
    const auto check = [&](Client& client) {
      const auto held = client.has[Type::kRoute].find("r");
      if (held == client.has[Type::kRoute].end() || held->second == "uses:") return;
      EXPECT_TRUE(client.has[Type::kCluster].contains(held->second.substr(5))) << held->second << " seed " << seed;
    };
    for (int step = 0; step < 300; ++step) {
      Update update;
      const std::string name = "c" + std::to_string(random() % 6);
      if (random() % 2 == 0) {
        clusters[name] = std::to_string(random() % 3);
        update.put.push_back(Make(Type::kCluster, name, clusters[name]));
        if (random() % 2 == 0) route = "uses:" + name;
      } else if (clusters.erase(name) > 0) {
        update.removed.emplace_back(Type::kCluster, name);
        if (route == "uses:" + name) route = "uses:";
      }
      update.put.push_back(Make(Type::kRoute, "r", route));
      local.Apply("a~b", update, {});
      for (auto& client : clients) {
        if (random() % 3 == 0 || client->inbox.empty()) continue;
        client->Answer();
        check(*client);
      }
      if (random() % 50 == 0) {
        clients.erase(clients.begin());
        connect();
      }
    }
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& client : clients) {
        if (client->inbox.empty()) continue;
        client->Answer();
        check(*client);
        moved = true;
      }
    }
    for (auto& client : clients) {
      EXPECT_EQ(client->has[Type::kCluster], clusters) << "seed " << seed << (client->is_delta ? " delta" : " state");
      EXPECT_EQ(client->has[Type::kRoute]["r"], route) << "seed " << seed;
    }
    EXPECT_TRUE(local.InSync("a~b"));
  }
}

TEST_F(EngineTest, ClientsSaysWhoIsBehindAndWhoRefuses) {
  for (bool delta : {true, false}) {
    nacks.clear();
    Put({Make(Type::kCluster, "c", "1")}, {{Type::kListener, "l"}});
    Client client(engine, delta);
    EXPECT_EQ(engine.Clients().at(0).role, "");
    client.Subscribe(Type::kCluster);
    client.Subscribe(Type::kListener);
    ClientState state = engine.Clients().at(0);
    EXPECT_EQ(state.node_id, "envoy");
    EXPECT_EQ(state.role, "a~b");
    EXPECT_EQ(state.serving, "a~b");
    EXPECT_EQ(state.behind.at(0), Type::kCluster);
    EXPECT_EQ(state.answers, 0u);
    client.AnswerAll();
    state = engine.Clients().at(0);
    EXPECT_TRUE(state.behind.empty() && state.refused.empty());
    const uint64_t answers = state.answers;
    EXPECT_GT(answers, 0u);

    Put({Make(Type::kListener, "l", "bad")});
    EXPECT_EQ(engine.Clients().at(0).behind, std::vector<Type>{Type::kListener});
    client.Answer("l is bad");
    state = engine.Clients().at(0);
    EXPECT_TRUE(state.behind.empty()) << "it has answered";
    EXPECT_EQ(state.refused, (std::vector<std::pair<Type, std::string>>{{Type::kListener, "l"}}));
    EXPECT_EQ(state.answers, answers + 1);

    Put({Make(Type::kListener, "l", "good")});
    EXPECT_TRUE(engine.Clients().at(0).refused.empty()) << "the newest version is another one";
    client.AnswerAll();
    EXPECT_TRUE(engine.Clients().at(0).refused.empty());
  }
  EXPECT_TRUE(engine.Clients().empty());
}

TEST_F(EngineTest, ClientsOfUnknownRolesGetTheFallback) {
  Client client(engine, true, "no~body");
  client.Subscribe(Type::kCluster);
  EXPECT_EQ(engine.Clients().at(0).serving, "");
  engine.Tick(Time() + 6000ms);
  EXPECT_EQ(engine.Clients().at(0).serving, "fallback");
  EXPECT_EQ(engine.Clients().at(0).role, "no~body");
}

}  // namespace
}  // namespace k8sgw::xds
