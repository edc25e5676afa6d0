#include "src/cmd/cluster_health.h"

#include <gtest/gtest.h>

namespace k8sgw {
namespace {

using Phase = kube::Health::Phase;

class ClusterHealthTest : public testing::Test {
 protected:
  // Of the nth kind that is followed.
  bool Tell(size_t kind, Phase phase, const std::string& ns = "") {
    return health.Tell(kinds.at(kind), ns, {phase, true, absl::UnavailableError("no")});
  }

  const std::vector<cluster::WatchedKind> kinds = cluster::AllWatchedKinds();
  ClusterHealth health;
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

}  // namespace
}  // namespace k8sgw
