#include "src/status/syncer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/text.h"

namespace k8sgw::status {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Outcome = Syncer::Outcome;

ResourceKey Vs(const std::string& name, const std::string& ns = "n") { return {Kind::kVirtualService, ns, name}; }
const Outcome kRefused{Outcome::Kind::kRefused};
const Outcome kMissing{Outcome::Kind::kMissing};
const Outcome kFailed{Outcome::Kind::kFailed};
Outcome Written(uint64_t hash) { return {Outcome::Kind::kWritten, {hash, {}}}; }

class SyncerTest : public ::testing::Test {
 protected:
  void Start(SyncOptions options = {}) {
    syncer_.emplace(options, [] { return 0.5; });
    syncer_->SetLeading(now_, true);
  }
  void Add(const ResourceKey& key, uint64_t found, uint64_t desired, const std::string& uid = "u") {
    syncer_->Observe(now_, key, uid, {found, {}});
    syncer_->Desire(now_, key, desired);
  }
  // The names of all that may be written now.
  std::vector<std::string> Due() {
    std::vector<std::string> names;
    flights_.clear();
    while (const auto write = syncer_->Next(now_)) {
      names.push_back(write->object.name);
      flights_.push_back(write->id);
    }
    return names;
  }
  void Answer(const Outcome& outcome) {
    for (const uint64_t id : flights_) syncer_->OnResult(now_, id, outcome);
    flights_.clear();
  }
  // Until the next one is due, which fails; how long that took.
  milliseconds FailNext(const Outcome& outcome) {
    const auto start = now_;
    EXPECT_TRUE(syncer_->deadline().has_value());
    now_ = std::max(now_, syncer_->deadline().value_or(now_));
    EXPECT_EQ(Due().size(), 1u);
    Answer(outcome);
    return std::chrono::duration_cast<milliseconds>(now_ - start);
  }

  Syncer::Time now_{seconds(1000)};
  std::optional<Syncer> syncer_;
  std::vector<uint64_t> flights_;
};

TEST_F(SyncerTest, WritesOncePerChange) {
  Start();
  Add(Vs("a"), 0, 7);
  EXPECT_THAT(Due(), ElementsAre("a"));
  EXPECT_THAT(Due(), IsEmpty());
  syncer_->OnResult(now_, 1, Written(7));
  // Its own event.
  EXPECT_FALSE(syncer_->Observe(now_, Vs("a"), "u", {7, {}}));
  EXPECT_FALSE(syncer_->deadline().has_value());
  now_ += seconds(10);
  syncer_->Desire(now_, Vs("a"), 8);
  EXPECT_THAT(Due(), ElementsAre("a"));
  Answer(Written(8));
  EXPECT_EQ(syncer_->counters().written, 2u);
  EXPECT_EQ(syncer_->counters().retried, 0u);
}

// Events may tell of the time before a write for long after it.
TEST_F(SyncerTest, WhatAWriteHasPutThereIsTakenAwayByTheNext) {
  for (const bool before_the_answer : {true, false}) {
    Start();
    Add(Vs("a"), 0, 7);
    EXPECT_THAT(Due(), ElementsAre("a"));
    const auto old_event = [&] { syncer_->Observe(now_, Vs("a"), "u", {0, {Name("old")}}); };
    if (before_the_answer) old_event();
    Answer({Outcome::Kind::kWritten, {7, {Name("p1"), Name("p2")}}});
    if (!before_the_answer) old_event();
    now_ += seconds(10);
    syncer_->Desire(now_, Vs("a"), 8);
    const auto write = syncer_->Next(now_);
    ASSERT_TRUE(write.has_value());
    EXPECT_THAT(write->found.subresources, UnorderedElementsAre(Name("old"), Name("p1"), Name("p2")));
    syncer_->OnResult(now_, write->id, {Outcome::Kind::kWritten, {8, {Name("p2")}}});
    // What is there as it should be is all that there is.
    syncer_->Observe(now_, Vs("a"), "u", {8, {Name("p2")}});
    syncer_->Desire(now_, Vs("a"), 9);
    now_ += seconds(10);
    EXPECT_THAT(syncer_->Next(now_)->found.subresources, ElementsAre(Name("p2")));
  }
}

TEST_F(SyncerTest, WritesNothingThatIsThereAlready) {
  Start();
  Add(Vs("a"), 7, 7);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_FALSE(syncer_->deadline().has_value());
}

TEST_F(SyncerTest, WaitsForTheVerdict) {
  Start();
  EXPECT_TRUE(syncer_->Observe(now_, Vs("a"), "u", {0, {}}));
  EXPECT_THAT(Due(), IsEmpty());
  // Of others than those that were observed nothing is known.
  syncer_->Desire(now_, Vs("b"), 7);
  EXPECT_THAT(Due(), IsEmpty());
}

TEST_F(SyncerTest, OnlyALeaderWrites) {
  Start();
  syncer_->SetLeading(now_, false);
  Add(Vs("a"), 0, 7);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_FALSE(syncer_->deadline().has_value());
  syncer_->SetLeading(now_, true);
  Add(Vs("b"), 0, 7);
  syncer_->SetLeading(now_, false);
  // One who does not lead keeps no list of what is to be done.
  EXPECT_EQ(syncer_->counters().due, 0u);
  syncer_->Observe(now_, Vs("b"), "u", {7, {}});
  syncer_->SetLeading(now_, true);
  EXPECT_THAT(Due(), ElementsAre("a"));
}

TEST_F(SyncerTest, TheNewestVerdictWins) {
  Start();
  Add(Vs("a"), 0, 1);
  Due();
  for (uint64_t hash = 2; hash < 50; ++hash) syncer_->Desire(now_, Vs("a"), hash);
  EXPECT_THAT(Due(), IsEmpty());
  syncer_->OnResult(now_, 1, Written(1));
  // Not more than one per second.
  EXPECT_THAT(Due(), IsEmpty());
  now_ += milliseconds(1000);
  EXPECT_THAT(Due(), ElementsAre("a"));
  Answer(Written(49));
  EXPECT_FALSE(syncer_->deadline().has_value());
}

TEST_F(SyncerTest, AnObjectThatWasCreatedAnewHasNoVerdictYet) {
  Start();
  Add(Vs("a"), 0, 7);
  const auto write = syncer_->Next(now_);
  EXPECT_EQ(write->uid, "u");
  EXPECT_TRUE(syncer_->Observe(now_, Vs("a"), "v", {0, {}}));
  // The answer about the one before does not count.
  syncer_->OnResult(now_, write->id, Written(7));
  EXPECT_THAT(Due(), IsEmpty());
  syncer_->Desire(now_, Vs("a"), 7);
  EXPECT_EQ(syncer_->Next(now_)->uid, "v");
}

TEST_F(SyncerTest, WhatHasNoVerdictAnyMoreIsNotWritten) {
  Start();
  Add(Vs("due"), 0, 5);
  syncer_->Desire(now_, Vs("due"), 0);
  Add(Vs("failed"), 0, 5);
  EXPECT_THAT(Due(), ElementsAre("failed"));
  Answer(kFailed);
  syncer_->Desire(now_, Vs("failed"), 0);
  now_ += seconds(3600);
  EXPECT_THAT(Due(), IsEmpty());
  syncer_->Desire(now_, Vs("failed"), 6);
  EXPECT_THAT(Due(), ElementsAre("failed"));
}

TEST_F(SyncerTest, WhatIsGoneIsForgotten) {
  Start();
  Add(Vs("a"), 0, 7);
  Add(Vs("b"), 0, 7);
  const auto write = syncer_->Next(now_);
  syncer_->Gone(Vs("a"));
  syncer_->Gone(Vs("b"));
  syncer_->OnResult(now_, write->id, kMissing);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_FALSE(syncer_->deadline().has_value());
  EXPECT_FALSE(syncer_->Knows(Vs("a")) || syncer_->Knows(Vs("b")));
}

TEST_F(SyncerTest, AnswersDoNotHideWhatTheWatchSaw) {
  Start();
  Add(Vs("a"), 0, 7);
  Due();
  // Somebody has removed it after us, and the answer comes late.
  syncer_->Observe(now_, Vs("a"), "u", {7, {}});
  syncer_->Observe(now_, Vs("a"), "u", {0, {}});
  Answer(Written(7));
  now_ += seconds(1);
  EXPECT_THAT(Due(), ElementsAre("a"));
}

TEST_F(SyncerTest, OldEventsAfterTheAnswerCauseNoWrite) {
  Start();
  Add(Vs("a"), 0, 7);
  Due();
  Answer(Written(7));
  syncer_->Observe(now_, Vs("a"), "u", {0, {}});
  EXPECT_THAT(Due(), IsEmpty());
  syncer_->Observe(now_, Vs("a"), "u", {7, {}});
  now_ += seconds(100);
  EXPECT_THAT(Due(), IsEmpty());
}

TEST_F(SyncerTest, RefusedObjectsWaitLongerAndLonger) {
  Start();
  Add(Vs("a"), 0, 7);
  EXPECT_EQ(FailNext(kRefused), milliseconds(0));
  for (const int expected : {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300})
    EXPECT_EQ(FailNext(kRefused), seconds(expected));
  // A new verdict does not wait.
  now_ += seconds(5);
  syncer_->Desire(now_, Vs("a"), 8);
  EXPECT_THAT(Due(), ElementsAre("a"));
}

TEST_F(SyncerTest, MissingObjectsAreTriedSlowly) {
  Start();
  Add(Vs("a"), 0, 7);
  FailNext(kMissing);
  EXPECT_EQ(FailNext(kMissing), seconds(10));
}

TEST_F(SyncerTest, AWarAboutOnePlaceSlowsDown) {
  Start();
  Add(Vs("a"), 0, 7);
  int writes = 0;
  for (const auto end = now_ + seconds(3600); now_ < end; now_ += milliseconds(100)) {
    if (Due().empty()) continue;
    ++writes;
    Answer(Written(7));
    syncer_->Observe(now_, Vs("a"), "u", {3, {}});
  }
  EXPECT_GT(writes, 10);
  EXPECT_LT(writes, 25);
}

TEST_F(SyncerTest, AServerThatKeepsSomethingElseIsNotAskedForEver) {
  Start();
  Add(Vs("a"), 0, 7);
  int writes = 0;
  for (const auto end = now_ + seconds(3600); now_ < end; now_ += milliseconds(100)) {
    writes += static_cast<int>(Due().size());
    Answer(Written(6));
  }
  EXPECT_LT(writes, 25);
}

TEST_F(SyncerTest, OneThatFailsForEverDoesNotHoldUpOthers) {
  for (const Outcome& outcome : {kRefused, kFailed}) {
    Start();
    std::string last;
    Add(Vs("0"), 0, 7);
    for (int i = 1; i <= 100; ++i) Add(Vs(Cat(i)), 0, 7);
    const auto start = now_;
    while (syncer_->counters().written < 100 && now_ < start + seconds(60)) {
      while (const auto write = syncer_->Next(now_)) {
        syncer_->OnResult(now_, write->id, write->object.name == "0" ? outcome : Written(7));
      }
      now_ += milliseconds(10);
    }
    EXPECT_LT(now_ - start, seconds(2));
  }
}

TEST_F(SyncerTest, AnOutageIsFoundOutByOneWriteAtATime) {
  Start();
  for (int i = 0; i < 1000; ++i) Add(Vs(Cat(i)), 0, 7);
  EXPECT_EQ(Due().size(), 8u);
  Answer(kFailed);
  EXPECT_THAT(Due(), IsEmpty());
  int writes = 0;
  for (const auto end = now_ + seconds(600); now_ < end; now_ += milliseconds(50)) {
    const auto due = Due();
    EXPECT_LE(due.size(), 1u);
    writes += static_cast<int>(due.size());
    Answer(kFailed);
  }
  EXPECT_GT(writes, 20);
  EXPECT_LT(writes, 40);
  // It is over.
  const auto start = now_;
  while (syncer_->counters().written < 1000 && now_ < start + seconds(100)) {
    Due();
    Answer(Written(7));
    now_ += milliseconds(5);
  }
  EXPECT_LT(now_ - start, seconds(40));
}

TEST_F(SyncerTest, AfterAnOutageNobodyWaitsForLong) {
  Start();
  Add(Vs("a"), 0, 7);
  milliseconds last{0};
  for (int i = 0; i < 20; ++i) last = FailNext(kFailed);
  EXPECT_EQ(last, seconds(30));
}

TEST_F(SyncerTest, AKindWithoutRightsDoesNotHoldUpOthers) {
  Start();
  for (int i = 0; i < 20; ++i) Add({Kind::kGateway, "n", Cat("g", i)}, 0, 7);
  for (int i = 0; i < 20; ++i) Add(Vs(Cat(i)), 0, 7);
  while (const auto write = syncer_->Next(now_)) {
    syncer_->OnResult(now_, write->id, write->object.kind == Kind::kGateway ? kFailed : Written(7));
  }
  EXPECT_EQ(syncer_->counters().written, 20u);
  EXPECT_EQ(syncer_->counters().failed, 1u);
}

TEST_F(SyncerTest, TheServerSaysHowLongToWait) {
  Start();
  Add(Vs("a"), 0, 7);
  Outcome later = kFailed;
  later.retry_after = seconds(17);
  FailNext(later);
  EXPECT_EQ(FailNext(kFailed), seconds(17));
}

TEST_F(SyncerTest, RatesAreKept) {
  SyncOptions options;
  options.rate = {50, 100};
  options.in_flight = 1000;
  Start(options);
  for (int i = 0; i < 300; ++i) Add(Vs(Cat(i)), 0, 7);
  EXPECT_EQ(Due().size(), 100u);
  ASSERT_TRUE(syncer_->deadline().has_value());
  EXPECT_EQ(std::chrono::duration_cast<milliseconds>(*syncer_->deadline() - now_), milliseconds(20));
  size_t more = 0;
  for (int i = 0; i < 20; ++i) {
    now_ = *syncer_->deadline();
    more += Due().size();
  }
  EXPECT_EQ(more, 20u);
}

TEST_F(SyncerTest, NamespacesAndKindsTakeTurns) {
  SyncOptions options;
  options.in_flight = 6;
  Start(options);
  for (int i = 0; i < 100; ++i) Add(Vs(Cat("many", i), "m"), 0, 7);
  Add(Vs("single"), 0, 7);
  Add({Kind::kUpstream, "m", "up"}, 0, 7);
  EXPECT_THAT(Due(), ElementsAre("many0", "up", "single", "many1", "many2", "many3"));
}

}  // namespace
}  // namespace k8sgw::status
