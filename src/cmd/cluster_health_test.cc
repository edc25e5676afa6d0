#include "src/cmd/cluster_health.h"

#include <gtest/gtest.h>

namespace k8sgw {
namespace {

using Phase = kube::Health::Phase;

class ClusterHealthTest : public testing::Test {
 protected:
  // Of the nth kind that is followed.
  bool Tell(size_t kind, Phase phase, const std::string& ns = "") {
    return health.Tell(kinds.at(kind), ns, {phase, true, absl::UnavailableError("no")}, now);
  }

  const std::vector<cluster::WatchedKind> kinds = cluster::AllWatchedKinds();
  ClusterHealth health;
  ClusterHealth::Time now{std::chrono::hours(1)};
};

TEST_F(ClusterHealthTest, WhatIsDroppedIsNotWaitedFor) {
  Tell(0, Phase::kRetrying);
  Tell(0, Phase::kRetrying, "a");
  EXPECT_TRUE(health.away());
  health.Drop(kinds.at(0), "");
  EXPECT_TRUE(health.away());
  health.Drop(kinds.at(0), "a");
  EXPECT_FALSE(health.away());
  // It comes back, and was not absent.
  Tell(1, Phase::kAbsent);
  health.Drop(kinds.at(1), "");
  EXPECT_FALSE(Tell(1, Phase::kWatching));
}

TEST_F(ClusterHealthTest, OthersTryWhenTheFirstAndTheLastAreBack) {
  for (const size_t kind : {0U, 1U, 2U}) Tell(kind, Phase::kRetrying);
  EXPECT_TRUE(Tell(0, Phase::kWatching));
  now += std::chrono::seconds(2);
  EXPECT_FALSE(Tell(1, Phase::kWatching));
  EXPECT_TRUE(Tell(2, Phase::kWatching));
  EXPECT_FALSE(health.away());
  // The next outage.
  now += std::chrono::seconds(2);
  Tell(0, Phase::kRetrying);
  EXPECT_TRUE(Tell(0, Phase::kWatching));
  // A definition is installed.
  now += std::chrono::seconds(2);
  Tell(3, Phase::kAbsent);
  EXPECT_TRUE(Tell(3, Phase::kWatching));
}

// It answers 200 and ends all at once.
TEST_F(ClusterHealthTest, AServerThatLooksWellForAMomentIsNotAskedByAllAgainAndAgain) {
  for (size_t kind = 0; kind < kinds.size(); ++kind) Tell(kind, Phase::kRetrying);
  int pokes = 0;
  for (int i = 0; i < 100; ++i) {
    for (size_t kind = 0; kind < kinds.size(); ++kind) {
      now += std::chrono::milliseconds(10);
      pokes += Tell(kind, Phase::kWatching);
      Tell(kind, Phase::kRetrying);
    }
  }
  EXPECT_EQ(pokes, 1);
  // Of one kind alone: once in a second.
  for (size_t kind = 1; kind < kinds.size(); ++kind) health.Drop(kinds.at(kind), "");
  pokes = 0;
  for (int i = 0; i < 1000; ++i) {
    now += std::chrono::milliseconds(10);
    pokes += Tell(0, Phase::kWatching);
    Tell(0, Phase::kRetrying);
  }
  EXPECT_LE(pokes, 10);
  EXPECT_GE(pokes, 5);
}

}  // namespace
}  // namespace k8sgw
