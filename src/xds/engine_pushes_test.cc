// When the engine says that a change was answered by all who had to be told.
#include <gmock/gmock.h>

#include "src/xds/engine.h"
#include "src/xds/test_client.h"
#include "src/xds/test_resource.h"

namespace k8sgw::xds {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

struct EnginePushesTest : testing::Test {
  EnginePushesTest()
      : engine({.fallback_role = "fallback", .on_nack = {}, .on_answered = [this](const std::string& role, auto took) {
                  EXPECT_EQ(role, "a~b");
                  answered.push_back(took / 1ms);
                }}) {}

  static Time At(int ms) { return Time() + std::chrono::milliseconds(ms); }
  void Put(int ms, std::vector<Ptr<Resource>> resources, std::vector<std::pair<Type, std::string>> removed = {}) {
    engine.Apply("a~b", {std::move(resources), std::move(removed)}, At(ms));
  }
  static void Connect(Client& client) {
    client.Subscribe(Type::kCluster);
    client.Subscribe(Type::kRoute, {"r"});
    client.AnswerAll();
  }
  static void AnswerAt(Client& client, int ms, std::optional<std::string> error = std::nullopt) {
    client.now = At(ms);
    client.Answer(std::move(error));
  }

  std::vector<int64_t> answered;
  Engine engine;
};

TEST_F(EnginePushesTest, TheLastAnswerOfTheLastTypeOfTheLastClientEndsIt) {
  for (const bool delta : {true, false}) {
    answered.clear();
    Put(0, {Make(Type::kRoute, "r", "old")}, {{Type::kCluster, "c"}});
    Client first(engine, delta), second(engine, delta);
    Connect(first);
    Connect(second);
    EXPECT_THAT(answered, IsEmpty()) << "what clients ask for first is no change";
    Put(1000, {Make(Type::kCluster, "c", "1"), Make(Type::kRoute, "r", "uses c")});
    AnswerAt(first, 1010);
    AnswerAt(first, 1020);
    AnswerAt(second, 1030);
    EXPECT_THAT(answered, IsEmpty()) << "the second has not answered about its route";
    AnswerAt(second, 1040);
    EXPECT_THAT(answered, ElementsAre(40));
    Put(2000, {Make(Type::kRoute, "r", "uses c")});
    Put(2000, {Make(Type::kListener, "l", "1")});
    EXPECT_THAT(answered, ElementsAre(40)) << "nobody is told of what nobody asked for, or has";
    Put(0, {}, {{Type::kListener, "l"}});
  }
}

TEST_F(EnginePushesTest, ARemovalIsAChange) {
  Put(0, {Make(Type::kCluster, "c", "1"), Make(Type::kRoute, "r", "1")});
  Client client(engine, true);
  Connect(client);
  Put(100, {Make(Type::kRoute, "r", "2")}, {{Type::kCluster, "c"}});
  AnswerAt(client, 101);
  EXPECT_THAT(answered, IsEmpty()) << "the removal leaves last";
  AnswerAt(client, 105);
  EXPECT_THAT(answered, ElementsAre(5));
}

TEST_F(EnginePushesTest, ARefusalIsAnAnswer) {
  Put(0, {Make(Type::kRoute, "r", "1")});
  Client client(engine, true);
  Connect(client);
  Put(100, {Make(Type::kRoute, "r", "2")});
  AnswerAt(client, 107, "r: no");
  EXPECT_THAT(answered, ElementsAre(7));
}

TEST_F(EnginePushesTest, WhoLeavesAndWhoComesIsNotWaitedFor) {
  Put(0, {Make(Type::kRoute, "r", "1")});
  Client stays(engine, true);
  Connect(stays);
  auto leaves = std::make_unique<Client>(engine, true);
  Connect(*leaves);
  Put(100, {Make(Type::kRoute, "r", "2")});
  AnswerAt(stays, 103);
  Client comes(engine, true);
  comes.Subscribe(Type::kRoute, {"r"});
  leaves.reset();
  EXPECT_THAT(answered, ElementsAre(3));
}

}  // namespace
}  // namespace k8sgw::xds
