// Clients that have the module, which finds routes in divided tables.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "src/xds/test_module.h"

namespace k8sgw::xds {
namespace {

using namespace std::chrono_literals;

using EngineModuleTest = ModuleTest;

TEST_F(EngineModuleTest, WhoReportsItGetsWhatIsMadeForIt) {
  engine.ModuleReady(kRole, now);
  Client with(engine, true), without(engine, true), other(engine, true), state(engine, false);
  Connect(with, "1");
  Connect(without, "");
  Connect(other, "2");
  Connect(state, "1");
  Settle(with);
  for (Client* plain : {&without, &other, &state}) {
    plain->AnswerAll();
    plain->Subscribe(Type::kRoute, {"r"});
    plain->AnswerAll();
    EXPECT_EQ(plain->has[Type::kListener]["l"], "old");
  }
  EXPECT_EQ(with.has[Type::kListener]["l"], "old divided");
  EXPECT_EQ(with.has[Type::kRoute].size(), 2u);
  EXPECT_TRUE(engine.InSync(kRole));
  EXPECT_TRUE(asked_for.empty());
}

TEST(EngineModule, WhoCannotLoadItGetsWhatAllGet) {
  Time now{};
  std::string asked;
  const auto can_load = [&](const Request& first) {
    asked = first.node_id;
    return false;
  };
  Engine engine({.fallback_role = "", .on_nack = {}, .module = "1", .can_load_module = can_load});
  engine.Apply(kRole, {{Divided("old", {"g1/0"})}, {}}, now);
  engine.ModuleReady(kRole, now);
  Client client(engine, true);
  Request request = client.Base(Type::kListener);
  request.module = "1";
  engine.Receive(client.id, request, now);
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "old");
  EXPECT_EQ(asked, "envoy");
}

TEST_F(EngineModuleTest, TheFirstOneWaitsUntilItsRoleIsReady) {
  Client client(engine, true);
  Connect(client, "1");
  EXPECT_TRUE(client.inbox.empty());
  EXPECT_EQ(asked_for, std::vector<std::string>{kRole});
  engine.ModuleReady(kRole, now);
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "old divided");
  Client next(engine, true);
  Connect(next, "1");
  EXPECT_EQ(next.inbox.size(), 1u);
}

TEST_F(EngineModuleTest, NobodyWaitsForEver) {
  Client client(engine, true);
  Connect(client, "1");
  now += 5000ms;
  engine.Tick(now);
  client.AnswerAll();
  EXPECT_TRUE(client.has[Type::kListener].contains("l"));
}

TEST_F(EngineModuleTest, NamesThatAreMadeUpAreForgotten) {
  // Of any length, and any number.
  std::vector<std::unique_ptr<Client>> clients;
  const auto connect = [&](const std::string& role) {
    clients.push_back(std::make_unique<Client>(engine, true, role));
    Connect(*clients.back(), "1");
  };
  connect(std::string(1000, 'x'));
  EXPECT_TRUE(asked_for.empty());
  for (int i = 0; i < 200; ++i) connect("made-up-" + std::to_string(i));
  EXPECT_EQ(asked_for.size(), 100u);
  // One that comes to be is not worse off, whoever came before.
  engine.Apply("made-up-199", {{Divided("new", {"g1/0"})}, {}}, now);
  EXPECT_EQ(asked_for.back(), "made-up-199");
  EXPECT_TRUE(clients.back()->inbox.empty());
  engine.ModuleReady("made-up-199", now);
  EXPECT_EQ(clients.back()->inbox.size(), 1u);
}

TEST_F(EngineModuleTest, AChangeOfEitherFormIsAChange) {
  Client client(engine, true);
  Begin(client);
  auto changed = std::make_shared<Resource>(*Divided("old", {"g1/0", "g1/1"}));
  auto form = std::make_shared<Resource>(*changed->with_module);
  form->version = "another";
  changed->with_module = form;
  Put({changed});
  ASSERT_EQ(client.inbox.size(), 1u);
  EXPECT_EQ(client.inbox[0].resources[0]->version, "another");
}

TEST_F(EngineModuleTest, AListenerThatLooksIntoOtherTablesComesAfterThem) {
  Client client(engine, true);
  Begin(client);
  Reshard();
  ASSERT_EQ(client.inbox.size(), 1u);
  EXPECT_EQ(client.Answer().type, Type::kScope);
  EXPECT_TRUE(client.inbox.empty()) << "the listener came before its tables";
  client.Subscribe(Type::kRoute, {"g2/0"});
  ASSERT_EQ(client.inbox.size(), 1u);
  EXPECT_EQ(client.inbox[0].type, Type::kRoute);
  client.Answer();
  ASSERT_EQ(client.inbox.size(), 1u);
  EXPECT_EQ(client.inbox[0].type, Type::kListener);
  client.AnswerAll();
  Put({}, {{Type::kScope, "g1/0"}, {Type::kScope, "g1/1"}, {Type::kRoute, "g1/0"}, {Type::kRoute, "g1/1"}});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kScope].size(), 3u) << "connections drain";
  client.now = now += 60s;
  engine.Tick(now);
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kScope].size(), 1u);
}

TEST_F(EngineModuleTest, TablesThatNobodyAsksForHoldItBackForAWhileOnly) {
  Client client(engine, true);
  Begin(client);
  Reshard();
  client.AnswerAll();
  const auto deadline = engine.NextDeadline();
  ASSERT_TRUE(deadline.has_value());
  EXPECT_EQ(*deadline, now + 10s);
  engine.Tick(*deadline);
  ASSERT_EQ(client.inbox.size(), 1u);
  EXPECT_EQ(client.inbox[0].type, Type::kListener);
}

// Connections may drain for minutes, and nobody needs to ask for what only they use.
TEST_F(EngineModuleTest, PartsOfOldTablesNeedNotBeAskedFor) {
  Client client(engine, true);
  Begin(client);
  Put({Make(Type::kListener, "l", "whole again")});
  client.AnswerAll();
  EXPECT_FALSE(engine.InSync(kRole)) << "nobody has asked for the whole table";
  Request request = client.Base(Type::kRoute);
  request.subscribe = {"r"};
  request.unsubscribe = {"g1/0", "g1/1"};
  engine.Receive(client.id, request, now);
  client.AnswerAll();
  EXPECT_TRUE(engine.InSync(kRole));
}

// As an Envoy does, which neither says that it needs no scopes any more nor that it needs them again.
TEST_F(EngineModuleTest, ScopesAreSentAgainAfterTheTableWasWhole) {
  Client client(engine, true);
  Begin(client);
  Put({Make(Type::kListener, "l", "whole")});
  client.AnswerAll();
  Put({Divided("again", {"g1/0", "g1/1"}), Make(Type::kScope, "g1/1", "new")});
  ExpectAllScopesAfterTheListener(client);
}

// Envoy says no to a response although it takes the good tables of it, and does not always name the bad one.
TEST_F(EngineModuleTest, TablesOfARefusedResponseAreSentAgainOneByOne) {
  Client client(engine, true);
  Begin(client);
  Put({Part("g1/0", "good"), Part("g1/1", "bad")});
  ASSERT_EQ(client.inbox.size(), 1u);
  EXPECT_EQ(client.inbox[0].resources.size(), 2u);
  client.Answer("something is wrong");
  EXPECT_TRUE(nacks.empty());
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(client.inbox.size(), 1u);
    ASSERT_EQ(client.inbox[0].resources.size(), 1u);
    const bool bad = *client.inbox[0].resources[0]->body.front() == "bad";
    client.Answer(bad ? std::optional<std::string>("something is wrong") : std::nullopt);
  }
  ASSERT_EQ(nacks.size(), 1u);
  ASSERT_EQ(nacks[0].resources.size(), 1u);
  EXPECT_EQ(nacks[0].resources[0].name, "g1/1");
  EXPECT_TRUE(client.inbox.empty());
}

// Envoy stops at the first table that it cannot take, and nobody knows what came after it.
TEST_F(EngineModuleTest, TablesBesideARefusedOneAreSentAgain) {
  Client client(engine, true);
  Begin(client);
  Put({Part("g1/0", "good"), Part("g1/1", "bad")});
  client.Answer("the table g1/1 is bad");
  ASSERT_EQ(nacks.size(), 1u);
  ASSERT_EQ(nacks[0].resources.size(), 1u);
  EXPECT_EQ(nacks[0].resources[0].name, "g1/1");
  ASSERT_EQ(client.inbox.size(), 1u);
  ASSERT_EQ(client.inbox[0].resources.size(), 1u);
  EXPECT_EQ(client.inbox[0].resources[0]->name, "g1/0");
  client.Answer();
  EXPECT_TRUE(client.inbox.empty());
}

TEST_F(EngineModuleTest, ATableBesideARefusedOneIsSentAgainAlsoWhenItIsAsBefore) {
  Client client(engine, true);
  Begin(client);
  Put({Part("g1/0", "first")});
  client.AnswerAll();
  Put({Part("g1/0", "second"), Part("g1/1", "bad")});
  Put({Part("g1/0", "first")});
  client.Answer("the table g1/1 is bad");
  ASSERT_EQ(client.inbox.size(), 1u) << "the client may have the second";
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kRoute]["g1/0"], "first");
  EXPECT_TRUE(client.inbox.empty());
}

TEST_F(EngineModuleTest, ATableThatWasWaitedForInVainMakesTheNextNoSooner) {
  Client client(engine, true);
  Begin(client);
  Reshard();
  client.AnswerAll();
  Put({Divided("old", {"g1/0", "g1/1"})}, {{Type::kScope, "g2/0"}, {Type::kRoute, "g2/0"}});
  client.AnswerAll();
  client.now = now += 11s;
  engine.Tick(now);
  Put({Divided("newer", {"g3/0"}), Make(Type::kScope, "g3/0", "s"), Part("g3/0", "p")});
  ASSERT_EQ(client.inbox.size(), 1u);
  EXPECT_EQ(client.Answer().type, Type::kScope);
  EXPECT_TRUE(client.inbox.empty()) << "the listener came before its tables";
}

TEST_F(EngineModuleTest, WhoRefusesWhatNeedsTheModuleAndHasNothingGetsThePlainForm) {
  engine.ModuleReady(kRole, now);
  Client client(engine, true);
  Connect(client, "1");
  client.Answer("cannot load the module of l");
  EXPECT_EQ(nacks.size(), 1u);
  client.Answer();
  EXPECT_EQ(client.has[Type::kListener]["l"], "old");
  client.Subscribe(Type::kRoute, {"r"});
  client.AnswerAll();
  EXPECT_TRUE(engine.InSync(kRole));
  // The next version is another try, and a plain form that is no better is not sent again and again.
  Put({Divided("new", {"g1/0", "g1/1"})});
  client.Answer("cannot load the module of l");
  client.Answer("l is bad");
  EXPECT_TRUE(client.inbox.empty());
  EXPECT_EQ(client.has[Type::kListener]["l"], "old");
}

TEST_F(EngineModuleTest, WhoRefusesAChangeOfWhatNeedsTheModuleKeepsWhatItHas) {
  Client client(engine, true);
  Begin(client);
  Put({Divided("bad", {"g1/0", "g1/1"})});
  client.Answer("l is bad");
  EXPECT_TRUE(client.inbox.empty());
  EXPECT_EQ(client.has[Type::kListener]["l"], "old divided");
}

// One listener that stays as it was may not hide that the last one with parts went.
TEST_F(EngineModuleTest, ScopesAreSentAgainToOneThatCameBackBeforeItsRoleWasReady) {
  const auto plain = Make(Type::kListener, "p", "plain");
  Put({plain});
  Client client(engine, true);
  Resume(client, {{"l", Divided("old", {"g1/0", "g1/1"})->with_module->version}, {"p", plain->version}});
  engine.ModuleReady(kRole, now);
  client.AnswerAll();
  client.Subscribe(Type::kScope, {}, {{"g1/0", Make(Type::kScope, "", "s")->version}});
  client.AnswerAll();
  client.Subscribe(Type::kRoute, {"g1/0", "g1/1"});
  client.AnswerAll();
  Put({Make(Type::kListener, "l", "whole")});
  client.AnswerAll();
  Put({Divided("again", {"g1/0", "g1/1"})});
  ExpectAllScopesAfterTheListener(client);
}

// Another replica had divided its tables in another way, and its connections still use them.
TEST_F(EngineModuleTest, PartsThatAClientComesBackWithStayWhileItsConnectionsDrain) {
  engine.ModuleReady(kRole, now);
  Client client(engine, true);
  Resume(client, {{"l", "of another replica"}});
  client.has[Type::kScope]["g0/0"] = client.has[Type::kRoute]["g0/0"] = "of another replica";
  client.Subscribe(Type::kScope, {}, {{"g0/0", "v"}});
  client.Subscribe(Type::kRoute, {"g0/0", "g1/0", "g1/1"}, {{"g0/0", "v"}});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "old divided");
  EXPECT_EQ(client.has[Type::kScope].size(), 3u);
  EXPECT_EQ(client.has[Type::kRoute].size(), 3u);
  EXPECT_TRUE(engine.InSync(kRole));
  EXPECT_EQ(engine.NextDeadline(), now + 60s);
  client.now = now += 60s;
  engine.Tick(now);
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kScope].size(), 2u);
  EXPECT_FALSE(client.has[Type::kScope].contains("g0/0"));
}

// The control plane has come to another version of the module, or gone back to one.
TEST_F(EngineModuleTest, SoDoThoseOfAClientWhoseModuleIsAnother) {
  engine.ModuleReady(kRole, now);
  Client client(engine, true);
  Resume(client, {{"l", "of another module"}}, "0");
  client.has[Type::kScope]["g0/0"] = client.has[Type::kRoute]["g0/0"] = "of another module";
  client.Subscribe(Type::kScope, {}, {{"g0/0", "v"}});
  client.Subscribe(Type::kRoute, {"g0/0", "r"}, {{"g0/0", "v"}});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "old");
  EXPECT_EQ(client.has[Type::kRoute].size(), 2u);
  EXPECT_EQ(client.has[Type::kScope].size(), 1u) << "it has no use for others";
  EXPECT_TRUE(engine.InSync(kRole));
  client.now = now += 60s;
  engine.Tick(now);
  client.AnswerAll();
  EXPECT_FALSE(client.has[Type::kScope].contains("g0/0"));
  EXPECT_TRUE(engine.InSync(kRole));
}

}  // namespace
}  // namespace k8sgw::xds
