// Clients of divided tables that refuse something go on with what they have.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "src/xds/test_module.h"

namespace k8sgw::xds {
namespace {

using namespace std::chrono_literals;

struct EngineRefusedTest : ModuleTest {
  // A whole exchange: the new parts come, and the new listener is refused.
  void RefuseTheListenerOfG2(Client& client) {
    Reshard();
    client.AnswerAll();
    client.Subscribe(Type::kRoute, {"g2/0"});
    client.Answer();
    ASSERT_EQ(client.inbox.size(), 1u);
    ASSERT_EQ(client.inbox[0].type, Type::kListener);
    client.Answer("l is bad");
  }

  void DropG1() {
    Put({}, {{Type::kScope, "g1/0"}, {Type::kScope, "g1/1"}, {Type::kRoute, "g1/0"}, {Type::kRoute, "g1/1"}});
  }

  // With a listener and a part of which nothing is known here; asks for these tables.
  void ComeBack(Client& client, const std::string& module, const std::vector<std::string>& tables) {
    engine.ModuleReady(kRole, now);
    Resume(client, {{"l", "of before"}}, module);
    client.has[Type::kScope]["g0/0"] = client.has[Type::kRoute]["g0/0"] = "of before";
    client.Subscribe(Type::kScope, {}, {{"g0/0", "v"}});
    client.Subscribe(Type::kRoute, tables, {{"g0/0", "v"}});
  }

  void Pass(Client& client, std::chrono::seconds time) {
    client.now = now += time;
    engine.Tick(now);
    client.AnswerAll();
  }

  void ExpectParts(Client& client, const std::vector<std::string>& names) {
    for (const Type type : {Type::kScope, Type::kRoute}) {
      std::vector<std::string> has;
      for (const auto& [name, content] : client.has[type]) has.push_back(name);
      EXPECT_EQ(has, names) << TypeUrl(type);
    }
  }
};

TEST_F(EngineRefusedTest, PartsThatTheListenerInForceUsesStay) {
  Client client(engine, true);
  Begin(client);
  RefuseTheListenerOfG2(client);
  DropG1();
  client.AnswerAll();
  EXPECT_TRUE(engine.InSync(kRole));
  Pass(client, 1h);
  ExpectParts(client, {"g1/0", "g1/1", "g2/0"});
  // The next version is good. Connections of the old one drain.
  Put({Divided("newer", {"g2/0"})});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "newer divided");
  ExpectParts(client, {"g1/0", "g1/1", "g2/0"});
  EXPECT_TRUE(engine.InSync(kRole));
  Pass(client, 60s);
  ExpectParts(client, {"g2/0"});
  EXPECT_FALSE(engine.NextDeadline());
}

TEST_F(EngineRefusedTest, PartsThatComeBackAreFollowedAgain) {
  Client client(engine, true);
  Begin(client);
  RefuseTheListenerOfG2(client);
  DropG1();
  client.AnswerAll();
  Put({Divided("again", {"g1/0", "g1/1"}), Make(Type::kScope, "g1/0", "s"), Make(Type::kScope, "g1/1", "s"),
       Part("g1/0", "edited"), Part("g1/1", "p1")},
      {{Type::kScope, "g2/0"}, {Type::kRoute, "g2/0"}});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "again divided");
  EXPECT_EQ(client.has[Type::kRoute]["g1/0"], "edited");
  ExpectParts(client, {"g1/0", "g1/1"});
  EXPECT_TRUE(engine.InSync(kRole));
}

// As Envoy does, which forgets its parts with its last listener that has some.
TEST_F(EngineRefusedTest, PartsGoAfterTheirListener) {
  Client client(engine, true);
  Begin(client);
  Put({}, {{Type::kListener, "l"},
           {Type::kScope, "g1/0"},
           {Type::kScope, "g1/1"},
           {Type::kRoute, "g1/0"},
           {Type::kRoute, "g1/1"},
           {Type::kRoute, "r"}});
  ASSERT_FALSE(client.inbox.empty());
  EXPECT_EQ(client.inbox[0].type, Type::kListener);
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kRoute].size(), 2u) << "connections drain";
  Pass(client, 60s);
  EXPECT_TRUE(client.has[Type::kRoute].empty());
  EXPECT_TRUE(engine.InSync(kRole));
}

// Nobody knows what its listener uses.
TEST_F(EngineRefusedTest, PartsStayAfterAReconnectThatBringsTheRefusedListener) {
  Client client(engine, true);
  ComeBack(client, "1", {"g0/0", "g1/0", "g1/1"});
  while (!client.inbox.empty()) {
    const bool bad = client.inbox[0].type == Type::kListener;
    client.Answer(bad ? std::optional<std::string>("l is bad") : std::nullopt);
  }
  Pass(client, 1h);
  ExpectParts(client, {"g0/0", "g1/0", "g1/1"});
  Put({Divided("good", {"g1/0", "g1/1"})});
  client.AnswerAll();
  ExpectParts(client, {"g0/0", "g1/0", "g1/1"});
  Pass(client, 59s);
  ExpectParts(client, {"g0/0", "g1/0", "g1/1"});
  Pass(client, 1s);
  ExpectParts(client, {"g1/0", "g1/1"});
}

// The same of one that is not to have divided tables any more.
TEST_F(EngineRefusedTest, PartsStayWhenThePlainListenerIsRefused) {
  Client client(engine, true);
  ComeBack(client, "0", {"g0/0"});
  while (!client.inbox.empty()) {
    const bool bad = client.inbox[0].type == Type::kListener;
    client.Answer(bad ? std::optional<std::string>("l is bad") : std::nullopt);
  }
  Pass(client, 1h);
  EXPECT_TRUE(client.has[Type::kScope].contains("g0/0"));
  EXPECT_TRUE(client.has[Type::kRoute].contains("g0/0"));
}

// Another sslConfig makes another table of it, for which nothing is old.
TEST_F(EngineRefusedTest, PartsOfAReplacedListenerStayWhileItsConnectionsDrain) {
  Client client(engine, true);
  Begin(client);
  Put({Divided("new", {"g2/0"}), Make(Type::kScope, "g2/0", "s"), Part("g2/0", "p")},
      {{Type::kScope, "g1/0"}, {Type::kScope, "g1/1"}, {Type::kRoute, "g1/0"}, {Type::kRoute, "g1/1"}});
  client.AnswerAll();
  client.Subscribe(Type::kRoute, {"g2/0"});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "new divided");
  EXPECT_TRUE(engine.InSync(kRole));
  EXPECT_EQ(engine.NextDeadline(), now + 60s);
  Pass(client, 59s);
  ExpectParts(client, {"g1/0", "g1/1", "g2/0"});
  Pass(client, 1s);
  ExpectParts(client, {"g2/0"});
}

TEST_F(EngineRefusedTest, OldPartsAreOfAFewListenersOnly) {
  Client client(engine, true);
  Begin(client);
  std::vector<std::pair<Type, std::string>> old = {
      {Type::kScope, "g1/0"}, {Type::kScope, "g1/1"}, {Type::kRoute, "g1/0"}, {Type::kRoute, "g1/1"}};
  for (int i = 2; i < 12; ++i) {
    const std::string name = "g" + std::to_string(i) + "/0";
    Put({Divided(name, {name}), Make(Type::kScope, name, "s"), Part(name, "p")}, old);
    client.AnswerAll();
    client.Subscribe(Type::kRoute, {name});
    client.AnswerAll();
    old = {{Type::kScope, name}, {Type::kRoute, name}};
  }
  EXPECT_EQ(client.has[Type::kScope].size(), 5u);
  Pass(client, 60s);
  EXPECT_EQ(client.has[Type::kScope].size(), 1u);
}

// Under its new name the table has no last good version: its hosts would be lost.
TEST_F(EngineRefusedTest, ARefusedTableHoldsTheListenerBackThatNeedsIt) {
  Client client(engine, true);
  Begin(client);
  const auto other = Make(Type::kListener, "other", "plain");
  Reshard();
  client.AnswerAll();
  client.Subscribe(Type::kRoute, {"g2/0"});
  client.Answer("g2/0 is bad");
  EXPECT_TRUE(client.inbox.empty());
  Pass(client, 1h);
  EXPECT_EQ(client.has[Type::kListener]["l"], "old divided");
  // That is as when the listener itself was refused: what else there is goes on, and what it uses stays.
  EXPECT_TRUE(engine.InSync(kRole));
  EXPECT_EQ(engine.Clients()[0].held_back, std::vector<std::string>{"l"});
  Put({other});
  client.AnswerAll();
  EXPECT_TRUE(client.has[Type::kListener].contains("other"));
  DropG1();
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kScope].size(), 3u);
  EXPECT_EQ(client.has[Type::kRoute].size(), 2u);
  // Another version that is no better, and one that is.
  Put({Part("g2/0", "worse")});
  client.Answer("g2/0 is bad");
  EXPECT_TRUE(client.inbox.empty());
  Put({Part("g2/0", "good")});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "new divided");
  EXPECT_TRUE(engine.Clients()[0].held_back.empty());
  EXPECT_TRUE(engine.InSync(kRole));
}

TEST_F(EngineRefusedTest, ATableThatTheOldListenerLacksAsWellHoldsNothingBack) {
  engine.ModuleReady(kRole, now);
  Client client(engine, true);
  Connect(client, "1");
  client.AnswerAll();
  client.Subscribe(Type::kScope);
  client.AnswerAll();
  client.Subscribe(Type::kRoute, {"g1/0", "g1/1"});
  client.Answer("g1/1 is bad");
  client.AnswerAll();
  Put({Divided("new", {"g1/0", "g1/1"})});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "new divided");
  EXPECT_TRUE(engine.InSync(kRole));
}

// Of a table that is refused in its new version the old one is there.
TEST_F(EngineRefusedTest, ATableWithALastGoodVersionHoldsNothingBack) {
  Client client(engine, true);
  Begin(client);
  Reshard();
  client.AnswerAll();
  client.Subscribe(Type::kRoute, {"g2/0"});
  client.Answer();
  client.Answer("l is bad");
  Put({Part("g2/0", "bad"), Divided("newer", {"g2/0"})});
  client.Answer();
  client.Answer("g2/0 is bad");
  EXPECT_EQ(client.has[Type::kListener]["l"], "newer divided");
}

// The listener of before uses parts that only the process before knew.
TEST_F(EngineRefusedTest, ARefusedTableHoldsTheListenerBackAlsoFromOneThatCameBack) {
  Client client(engine, true);
  ComeBack(client, "1", {"g0/0", "g1/0", "g1/1"});
  while (!client.inbox.empty()) {
    const bool bad = client.inbox[0].type == Type::kRoute && client.inbox[0].resources.size() == 2;
    client.Answer(bad ? std::optional<std::string>("g1/1 is bad") : std::nullopt);
  }
  Pass(client, 1h);
  EXPECT_FALSE(client.has[Type::kListener].contains("l"));
  EXPECT_EQ(client.has[Type::kScope].size(), 3u);
  EXPECT_TRUE(client.has[Type::kRoute].contains("g0/0"));
  Put({Part("g1/1", "good")});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "old divided");
}

// A client with the whole table asks for parts only when it has the listener that needs them.
struct EngineFirstDivisionTest : EngineRefusedTest {
  void BeginWhole(Client& client) {
    engine.ModuleReady(kRole, now);
    Put({Make(Type::kListener, "l", "whole")});
    Connect(client, "1");
    client.AnswerAll();
    client.Subscribe(Type::kRoute, {"r"});
    client.AnswerAll();
  }
};

TEST_F(EngineFirstDivisionTest, ATableThatIsRefusedIsNotDivided) {
  Client client(engine, true);
  BeginWhole(client);
  Put({Make(Type::kRoute, "r", "bad")});
  client.Answer("r is bad");
  // Other changes of the listener reach it.
  Put({Divided("edited", {"g1/0", "g1/1"})});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "edited");
  EXPECT_TRUE(engine.InSync(kRole));
  EXPECT_EQ(engine.Clients()[0].held_back, std::vector<std::string>{"l"});
  Put({Make(Type::kRoute, "r", "good")});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "edited divided");
  EXPECT_TRUE(engine.Clients()[0].held_back.empty());
}

TEST_F(EngineFirstDivisionTest, ATableThatWasNeverThereIsDivided) {
  engine.ModuleReady(kRole, now);
  Put({Make(Type::kListener, "l", "whole")});
  Client client(engine, true);
  Connect(client, "1");
  client.AnswerAll();
  client.Subscribe(Type::kRoute, {"r"});
  client.Answer("r is bad");
  Put({Divided("edited", {"g1/0", "g1/1"})});
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "edited divided");
}

// The next edit is always there before the client has answered the last.
TEST_F(EngineFirstDivisionTest, EditsWithoutEndPutItOffForAWhileOnly) {
  Client client(engine, true);
  BeginWhole(client);
  Put({Make(Type::kRoute, "r", "edit"), Divided("edited", {"g1/0", "g1/1"})});
  const Time begin = now;
  for (int i = 0; i < 60 && client.has[Type::kListener]["l"] != "edited divided"; ++i) {
    Put({Make(Type::kRoute, "r", std::to_string(i))});
    client.now = now += 1s;
    ASSERT_FALSE(client.inbox.empty());
    client.Answer();
  }
  EXPECT_EQ(client.has[Type::kListener]["l"], "edited divided");
  EXPECT_GE(now - begin, 10s);
  EXPECT_LE(now - begin, 15s);
}

// With the virtual host that makes the table large enough may come one that is wrong.
TEST_F(EngineFirstDivisionTest, TheWholeTableIsTriedBeforeItIsDivided) {
  Client client(engine, true);
  BeginWhole(client);
  Put({Make(Type::kRoute, "r", "bad"), Divided("edited", {"g1/0", "g1/1"})});
  EXPECT_EQ(client.Answer().type, Type::kListener);
  EXPECT_EQ(client.has[Type::kListener]["l"], "edited");
  EXPECT_FALSE(engine.InSync(kRole));
  client.Answer("r is bad");
  EXPECT_TRUE(client.inbox.empty());
  Put({Make(Type::kRoute, "r", "good")});
  client.Answer();
  ASSERT_EQ(client.inbox.size(), 1u);
  EXPECT_EQ(client.inbox[0].type, Type::kListener);
  client.AnswerAll();
  EXPECT_EQ(client.has[Type::kListener]["l"], "edited divided");
}

}  // namespace
}  // namespace k8sgw::xds
