#include "src/xds_auth/reviews.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "src/base/text.h"

namespace k8sgw::xds_auth {
namespace {

using namespace std::chrono_literals;
using Answer = Reviews::Answer;

class Nobody final : public xds::Identity {
 public:
  absl::Status MayHave(const std::string&) const override { return absl::OkStatus(); }
};

const Ptr<xds::Identity> kSomebody = std::make_shared<Nobody>();
const absl::Status kBad = absl::UnauthenticatedError("bad");
const absl::Status kAway = absl::UnavailableError("away");

struct ReviewsTest : ::testing::Test {
  explicit ReviewsTest(ReviewOptions options = {}) : reviews(options) {}

  // Asks, and does what is to be done; what is answered stands in `answers`, by the number of the question.
  int Ask(const std::string& key, const std::string& peer = "10.0.0.7") {
    const int number = ++asked;
    reviews.Ask(key, "token of " + key, peer, now, [this, number](const Answer& answer) {
      EXPECT_TRUE(answers.emplace(number, answer).second) << "answered twice";
    });
    Do();
    return number;
  }
  void Finish(const std::string& key, const Answer& answer) {
    reviews.Finish(key, answer, now);
    Do();
  }
  void Pass(std::chrono::milliseconds time) {
    const Reviews::Time until = now + time;
    while (reviews.deadline() && *reviews.deadline() <= until) {
      now = std::max(now, *reviews.deadline());
      reviews.Tick(now);
      Do();
    }
    now = until;
  }
  void Do() {
    Reviews::Todo todo = reviews.Take();
    for (auto& start : todo.starts) started.push_back(start.key);
    for (auto& reply : todo.replies) reply.done(reply.answer);
  }
  // nullopt while there is none.
  std::optional<absl::StatusCode> CodeOf(int number) const {
    const auto it = answers.find(number);
    if (it == answers.end()) return std::nullopt;
    return it->second.status().code();
  }

  Reviews reviews;
  Reviews::Time now{1h};
  int asked = 0;
  std::vector<std::string> started;
  std::map<int, Answer> answers;
};

constexpr auto kPass = absl::StatusCode::kOk;
constexpr auto kRefused = absl::StatusCode::kUnauthenticated;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

TEST_F(ReviewsTest, ManyWithOneTokenCostOneReview) {
  std::vector<int> all;
  for (int i = 0; i < 50; ++i) all.push_back(Ask("a"));
  EXPECT_EQ(started, std::vector<std::string>{"a"});
  EXPECT_TRUE(answers.empty());
  Finish("a", kSomebody);
  for (const int one : all) EXPECT_EQ(CodeOf(one), kPass);
  EXPECT_EQ(CodeOf(Ask("a")), kPass);
  EXPECT_EQ(started.size(), 1U);
  EXPECT_EQ(reviews.waiting(), 0U);
}

TEST_F(ReviewsTest, WhatWasSaidHoldsForAWhile) {
  Ask("a");
  Finish("a", kSomebody);
  Pass(60s);
  EXPECT_EQ(CodeOf(Ask("a")), kPass);
  Pass(1ms);
  const int later = Ask("a");
  EXPECT_EQ(CodeOf(later), std::nullopt) << "it is asked about again";
  EXPECT_EQ(started.size(), 2U);
  Finish("a", kBad);
  EXPECT_EQ(CodeOf(later), kRefused);
  EXPECT_EQ(CodeOf(Ask("a")), kRefused);
  Pass(5s + 1ms);
  EXPECT_EQ(CodeOf(Ask("a")), std::nullopt) << "a refusal holds for less";
  Finish("a", kSomebody);
  EXPECT_EQ(CodeOf(Ask("a")), kPass);
}

TEST_F(ReviewsTest, WhenNobodyCanTellWhoIsKnownStaysForTheGracePeriodAndNobodyElsePasses) {
  Ask("known");
  Finish("known", kSomebody);
  Pass(61s);
  const int known = Ask("known");
  const int fresh = Ask("new");
  Finish("known", kAway);
  Finish("new", kAway);
  EXPECT_EQ(CodeOf(known), kPass);
  EXPECT_EQ(CodeOf(fresh), kUnavailable);
  // It hangs: who is known does not wait for long.
  const int hangs = Ask("known");
  const int hangs_new = Ask("new");
  Pass(1s);
  EXPECT_EQ(CodeOf(hangs), kPass);
  EXPECT_EQ(CodeOf(hangs_new), std::nullopt);
  Pass(4s);
  EXPECT_EQ(CodeOf(hangs_new), kUnavailable);
  // Those reviews still run, and who asks meanwhile joins them.
  const int joins = Ask("new");
  Finish("known", kAway);
  Finish("new", kAway);
  EXPECT_EQ(CodeOf(joins), kUnavailable);
  Pass(1h);
  const int late = Ask("known");
  Finish("known", kAway);
  EXPECT_EQ(CodeOf(late), kUnavailable) << "the grace period is over";
}

TEST_F(ReviewsTest, WhoWasRefusedHasNoGrace) {
  Ask("a");
  Finish("a", kSomebody);
  Pass(61s);
  Ask("a");
  Finish("a", kBad);
  Pass(6s);
  const int again = Ask("a");
  Finish("a", kAway);
  EXPECT_EQ(CodeOf(again), kUnavailable);
}

struct FewReviews : ReviewsTest {
  FewReviews() : ReviewsTest(Few()) {}
  static ReviewOptions Few() {
    ReviewOptions options;
    options.most_running = 2;
    options.most_waiting = 6;
    options.most_waiting_of_peer = 3;
    options.most_known = 3;
    options.most_refused = 2;
    return options;
  }
};

struct SlowReviews : ReviewsTest {
  SlowReviews() : ReviewsTest(Slow()) {}
  static ReviewOptions Slow() {
    ReviewOptions options;
    options.rate = {.per_second = 2, .burst = 3};
    return options;
  }
};

TEST_F(SlowReviews, NoMoreBeginInASecondThanMay) {
  std::vector<int> all;
  for (int i = 0; i < 20; ++i) all.push_back(Ask(Cat("a", i)));
  EXPECT_EQ(started.size(), 3U);
  Pass(499ms);
  EXPECT_EQ(started.size(), 3U);
  Pass(1ms);
  EXPECT_EQ(started.size(), 4U);
  Pass(4s);
  EXPECT_EQ(started.size(), 12U);
  Pass(500ms);
  EXPECT_EQ(reviews.waiting(), 0U);
  EXPECT_EQ(CodeOf(all.back()), kUnavailable);
  EXPECT_EQ(reviews.deadline(), std::nullopt);
}

TEST_F(FewReviews, TheOthersWaitForTheirTurn) {
  std::vector<int> all;
  for (const char* key : {"a", "b", "c", "d"}) all.push_back(Ask(key, key));
  EXPECT_EQ(started, (std::vector<std::string>{"a", "b"}));
  Finish("b", kSomebody);
  EXPECT_EQ(started, (std::vector<std::string>{"a", "b", "c"}));
  // Whose time is over is not asked about any more.
  Pass(5s);
  for (size_t i : {0U, 2U, 3U}) EXPECT_EQ(CodeOf(all[i]), kUnavailable);
  Finish("a", kAway);
  Finish("c", kAway);
  EXPECT_EQ(started.size(), 3U);
  EXPECT_EQ(reviews.waiting(), 0U);
}

TEST_F(FewReviews, WhoFloodsIsInTheWayOfNobodyElse) {
  for (int i = 0; i < 100; ++i) Ask(Cat("forged", i), "evil");
  EXPECT_EQ(reviews.waiting(), 3U);
  const int good = Ask("good", "10.0.0.7");
  EXPECT_EQ(CodeOf(good), std::nullopt) << "it has its place";
  for (int i = 0; i < 100; ++i) Ask(Cat("more", i), Cat("evil", i));
  EXPECT_EQ(reviews.waiting(), 6U);
  for (size_t i = 0; i < started.size(); ++i) {
    const std::string key = started[i];
    Finish(key, key == "good" ? Answer(kSomebody) : Answer(kBad));
  }
  EXPECT_EQ(CodeOf(good), kPass);
  // Refused tokens push out no good ones.
  EXPECT_EQ(CodeOf(Ask("good")), kPass);
}

// A token is revoked, and who has it floods us: that is no word of the API server's that it cannot tell.
TEST_F(FewReviews, WhoFloodsHasNoGrace) {
  const auto review = [this](const char* key) {
    Ask(key);
    Finish(key, kSomebody);
  };
  review("revoked");
  Pass(6min);
  review("recent");
  Pass(2min);
  for (const char* key : {"a", "b", "c"}) Ask(key, "evil");
  EXPECT_EQ(CodeOf(Ask("revoked", "evil")), kUnavailable) << "too many wait";
  EXPECT_EQ(CodeOf(Ask("recent", "evil")), kPass) << "on an open stream it would count still";
  // All who may run do, so these do not begin.
  const int revoked = Ask("revoked");
  const int recent = Ask("recent");
  Pass(1s);
  EXPECT_EQ(CodeOf(recent), kPass);
  EXPECT_EQ(CodeOf(revoked), std::nullopt) << "it waits for its turn";
  Pass(4s);
  EXPECT_EQ(CodeOf(revoked), kUnavailable);
  // One that has begun has the whole grace.
  Finish("a", kAway);
  const int begun = Ask("revoked");
  Finish("b", kAway);
  EXPECT_EQ(started.back(), "revoked");
  Pass(1s);
  EXPECT_EQ(CodeOf(begun), kPass);
}

TEST_F(FewReviews, TheOldestIsForgotten) {
  for (const char* key : {"a", "b", "c", "d"}) {
    Ask(key);
    Finish(key, kSomebody);
    Pass(1ms);
  }
  EXPECT_EQ(reviews.known(), 3U);
  EXPECT_EQ(CodeOf(Ask("d")), kPass);
  EXPECT_EQ(CodeOf(Ask("a")), std::nullopt);
}

TEST_F(ReviewsTest, AtTheEndNobodyWaitsAndNobodyPasses) {
  Ask("known");
  Finish("known", kSomebody);
  const int waits = Ask("a");
  reviews.Stop();
  Do();
  EXPECT_EQ(CodeOf(waits), kUnavailable);
  EXPECT_EQ(CodeOf(Ask("known")), kUnavailable);
  Finish("a", kSomebody);
  EXPECT_EQ(reviews.deadline(), std::nullopt);
}

// Whatever happens: each question is answered once, in time; only tokens that are good pass, and no more wait, run or
// are remembered than may be.
TEST_F(FewReviews, RandomLivesKeepTheirPromises) {
  std::minstd_rand random(7);
  std::map<int, std::pair<std::string, Reviews::Time>> questions;
  std::map<std::string, Reviews::Time> last_good;
  size_t finished = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::string key = Cat(random() % 2 ? "good" : "bad", random() % 5);
    if (random() % 2) {
      questions[asked + 1] = {key, now};
      Ask(key, Cat("peer", random() % 3));
    } else if (finished < started.size() && random() % 2) {
      const std::string running = started[finished++];
      const bool good = running.starts_with("good");
      const bool away = random() % 3 == 0;
      if (good && !away) last_good[running] = now;
      Finish(running, away ? Answer(kAway) : good ? Answer(kSomebody) : Answer(kBad));
    } else {
      Pass(std::chrono::milliseconds(random() % 3000));
    }
    ASSERT_LE(reviews.waiting(), 6U);
    ASSERT_LE(reviews.known(), 3U);
    ASSERT_LE(started.size() - finished, 2U) << "that run";
    for (const auto& [number, answer] : answers) {
      const auto& [asked_key, at] = questions.at(number);
      ASSERT_FALSE(answer.ok() && !last_good.contains(asked_key)) << asked_key << " passed, and was never good";
      ASSERT_LE(now - at, 5s + 3s);
    }
    for (const auto& [number, answer] : answers) questions.erase(number);
    for (const auto& [number, question] : questions) ASSERT_LE(now - question.second, 5s) << "no answer";
    answers.clear();
  }
  EXPECT_GT(last_good.size(), 4U);
}

}  // namespace
}  // namespace k8sgw::xds_auth
