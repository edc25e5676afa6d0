#include "src/replicas/nack_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/json/tree.h"

namespace k8sgw::replicas {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::IsEmpty;
using Texts = std::map<std::string, std::string>;

constexpr char kList[] = R"([{"name":"a"}])";

std::string Said(int beat, const std::string& list = kList) {
  return Cat(R"({"beat":)", beat, R"(,"refusals":)", list, "}");
}

kube::WriteResult Refusal(int code) {
  kube::WriteResult result;
  result.details.code = code;
  result.status = kube::ToStatus(result.details);
  return result;
}

// The ConfigMap, one replica of it, and others that the test writes for.
class BoardTest : public testing::Test {
 protected:
  std::string Json() const {
    std::string out = R"({"metadata":{"name":"gloo-refusals"})";
    for (const auto& [key, text] : data) {
      out += Cat(&text == &data.begin()->second ? R"(,"data":{)" : ",", "\"", key, "\":\"", JsonEscaped(text), "\"");
    }
    return out + (data.empty() ? "}" : "}}");
  }
  void See() {
    const yaml::Padded padded(Json());
    board.Observe(now, padded.view());
  }
  // What is written, and the watch tells it; "" for nothing.
  std::string Write() {
    const auto request = board.Next(now);
    if (!request) return "";
    EXPECT_EQ(Cat(request->method, " ", request->target),
              "PATCH /api/v1/namespaces/gloo-system/configmaps/gloo-refusals?fieldManager=k8sgateway");
    const yaml::Padded padded(request->body);
    const auto patch = yaml::FromJson(padded.view());
    EXPECT_TRUE(patch.ok()) << request->body;
    for (const auto& [key, mark, value] : patch->Find("data")->entries) {
      if (value.is_null()) {
        data.erase(key);
      } else {
        data[key] = value.scalar;
      }
      ++written;
    }
    board.OnResult(now, {absl::OkStatus(), {}, Json()});
    See();
    return request->body;
  }
  // All that is due until then.
  void Pass(milliseconds time) {
    const auto end = now + time;
    for (auto next = board.deadline(); next && *next <= end; next = board.deadline()) {
      now = std::max(now, *next);
      for (auto& [key, text] : board.TakeChanged(now)) heard[key] = text;
      Write();
      ASSERT_TRUE(!board.deadline() || *board.deadline() > now) << "it is due without end";
    }
    now = end;
    for (auto& [key, text] : board.TakeChanged(now)) heard[key] = text;
  }

  NackBoard::Time now{std::chrono::hours(1)};
  NackBoard board{{.ns = "gloo-system", .replica = "me"}, [] { return 0.5; }};
  Texts data;
  Texts heard;
  int written = 0;
};

TEST_F(BoardTest, WhoDoesNotLeadSaysItAndTakesItBack) {
  See();
  Pass(seconds(10));
  board.Say(now, kList);
  Pass(milliseconds(499));
  EXPECT_THAT(data, IsEmpty());
  Pass(milliseconds(1));
  EXPECT_EQ(data, (Texts{{"me", Said(0)}}));
  board.Say(now, kList);
  Pass(seconds(10));
  EXPECT_EQ(written, 1);
  board.Say(now, "");
  Pass(seconds(1));
  EXPECT_THAT(data, IsEmpty());
  Pass(std::chrono::hours(1));
  EXPECT_EQ(written, 2);
}

TEST_F(BoardTest, WithoutTheConfigMapNothingIsWritten) {
  board.Say(now, kList);
  Pass(seconds(100));
  EXPECT_FALSE(board.Next(now));
  See();
  Pass(seconds(1));
  EXPECT_EQ(written, 1);
  board.Gone();
  board.Say(now, "[]");
  Pass(seconds(100));
  EXPECT_EQ(written, 1);
}

TEST_F(BoardTest, WhoLeadsSaysNothing) {
  See();
  board.SetLeading(true);
  board.Say(now, kList);
  Pass(std::chrono::hours(1));
  EXPECT_EQ(written, 0);
  // What it has to say is there for who leads next, without a pause.
  board.SetLeading(false);
  EXPECT_NE(Write(), "");
  EXPECT_EQ(data, (Texts{{"me", Said(0)}}));
  board.SetLeading(true);
  Pass(seconds(1));
  EXPECT_THAT(data, IsEmpty());
}

TEST_F(BoardTest, ManyChangesAreFewWrites) {
  See();
  for (int i = 0; i < 1000; ++i) {
    board.Say(now, Cat("[", i, "]"));
    Pass(milliseconds(10));
  }
  EXPECT_LE(written, 11);
  EXPECT_GE(written, 8) << "it waits for the end of the changes";
  Pass(seconds(2));
  EXPECT_EQ(data, (Texts{{"me", Said(0, "[999]")}}));
}

TEST_F(BoardTest, ItIsSaidAgainNowAndThen) {
  See();
  board.Say(now, kList);
  Pass(seconds(305));
  EXPECT_EQ(written, 11);
  EXPECT_EQ(data, (Texts{{"me", Said(10)}}));
}

TEST_F(BoardTest, WhatSomebodyTookAwayComesBack) {
  See();
  board.Say(now, kList);
  Pass(seconds(1));
  data.clear();
  See();
  Pass(seconds(1));
  EXPECT_EQ(data, (Texts{{"me", Said(0)}}));
}

TEST_F(BoardTest, OthersAreHeardOnceAndTheirEnd) {
  data = {{"b", "1"}, {"c", "2"}, {"me", "old"}};
  See();
  board.SetHeard(now, true);
  EXPECT_EQ(board.TakeChanged(now), (Texts{{"b", "1"}, {"c", "2"}}));
  See();
  EXPECT_THAT(board.TakeChanged(now), IsEmpty());
  data = {{"b", "3"}};
  See();
  EXPECT_EQ(board.TakeChanged(now), (Texts{{"b", "3"}, {"c", ""}}));
  board.Gone();
  EXPECT_EQ(board.TakeChanged(now), (Texts{{"b", ""}}));
}

TEST_F(BoardTest, WhoSaysItNoMoreIsForgottenAndTheLeaderClearsUp) {
  data = {{"dead", "1"}, {"lives", "1"}};
  See();
  board.SetHeard(now, true);
  for (int i = 2; i < 5; ++i) {
    Pass(seconds(33));
    data["lives"] = Cat(i);
    See();
  }
  Pass(seconds(2));
  EXPECT_EQ(heard, (Texts{{"dead", ""}, {"lives", "4"}}));
  // A follower leaves it to the leader.
  EXPECT_EQ(written, 0);
  board.SetLeading(true);
  EXPECT_EQ(Write(), R"({"data":{"dead":null}})");
  EXPECT_EQ(data, (Texts{{"lives", "4"}}));
  EXPECT_THAT(board.TakeChanged(now)["dead"], IsEmpty());
}

TEST_F(BoardTest, NobodyIsForgottenWhileTheServerIsAway) {
  data = {{"b", "1"}};
  See();
  board.SetHeard(now, true);
  board.SetLeading(true);
  Pass(seconds(90));
  board.SetHeard(now, false);
  Pass(std::chrono::hours(1));
  board.SetHeard(now, true);
  Pass(seconds(90));
  EXPECT_EQ(heard, (Texts{{"b", "1"}}));
  Pass(seconds(10));
  EXPECT_EQ(heard, (Texts{{"b", ""}}));
  EXPECT_THAT(data, IsEmpty());
}

TEST_F(BoardTest, AWatchThatIsCutAgainAndAgainKeepsNobodyAlive) {
  data = {{"dead", "1"}};
  See();
  board.SetLeading(true);
  for (int i = 0; i < 3; ++i) {
    board.SetHeard(now, true);
    Pass(seconds(40));
    board.SetHeard(now, false);
    Pass(seconds(1));
  }
  board.SetHeard(now, true);
  Pass(seconds(1));
  EXPECT_THAT(data, IsEmpty());
}

// Its own event may come late.
TEST_F(BoardTest, AKeyIsTakenAwayOnce) {
  data = {{"dead", "1"}};
  See();
  board.SetHeard(now, true);
  board.SetLeading(true);
  now += seconds(101);
  board.TakeChanged(now);
  const auto take = [this] {
    const bool asked = board.Next(now).has_value();
    if (asked) board.OnResult(now, {});
    now += seconds(5);
    return asked;
  };
  EXPECT_TRUE(take());
  EXPECT_FALSE(take());
  // It lives, and says something.
  data = {{"dead", "2"}};
  See();
  board.TakeChanged(now);
  now += seconds(101);
  board.TakeChanged(now);
  EXPECT_TRUE(take());
}

TEST_F(BoardTest, OfManyKeysSomeAreRead) {
  for (int i = 0; i < 1'000; ++i) data[Cat("k", i)] = "x";
  See();
  EXPECT_EQ(board.TakeChanged(now).size(), 64U);
}

TEST_F(BoardTest, WhoEndsDoesNotRest) {
  See();
  board.SetLeading(true);
  board.Say(now, kList);
  board.SetLeading(false);
  board.Hurry();
  const auto first = board.Next(now);
  ASSERT_TRUE(first.has_value());
  board.Say(now, "[1]");
  board.OnResult(now, {});
  EXPECT_TRUE(board.Next(now).has_value()) << "what was refused meanwhile";
}

TEST_F(BoardTest, WhatFailsIsTriedAgainSlowly) {
  See();
  board.Say(now, kList);
  now += seconds(1);
  int tries = 0;
  for (const auto end = now + seconds(600); now < end; now = std::max(now, *board.deadline())) {
    if (!board.Next(now)) continue;
    ++tries;
    EXPECT_FALSE(board.Next(now)) << "two at once";
    board.OnResult(now, Refusal(tries % 2 == 0 ? 403 : 503));
  }
  EXPECT_GT(tries, 10);
  EXPECT_LT(tries, 20);
  now += seconds(60);
  Write();
  EXPECT_EQ(data.count("me"), 1U);
}

TEST_F(BoardTest, WhatIsNoConfigMapSaysNothing) {
  for (const char* json : {"", "no", "[]", R"({"data":[]})", R"({"data":"x"})", R"({"data":{"a":{"b":1}}})"}) {
    const yaml::Padded padded{std::string(json)};
    board.Observe(now, padded.view());
    for (const auto& [key, text] : board.TakeChanged(now)) EXPECT_EQ(text, "");
  }
  board.Say(now, kList);
  Pass(seconds(1));
  EXPECT_EQ(data.count("me"), 1U);
}

}  // namespace
}  // namespace k8sgw::replicas
