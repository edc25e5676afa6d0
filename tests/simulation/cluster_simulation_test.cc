#include "tests/simulation/cluster_simulation.h"

#include <gtest/gtest.h>

namespace k8sgw::sim {
namespace {

constexpr int kSteps = 120;
constexpr int kSeeds = 25;

struct Ways {
  int64_t responses = 0;
  int64_t nacks = 0;
  int compared = 0;
  ClusterWays cluster;
  GlooWays gloo;
};

void Add(const ClusterWays& life, ClusterWays& all) {
  for (int ClusterWays::*way :
       {&ClusterWays::applied, &ClusterWays::anew, &ClusterWays::broken, &ClusterWays::bursts, &ClusterWays::policies,
        &ClusterWays::namespaces, &ClusterWays::foreign, &ClusterWays::taken, &ClusterWays::refusals,
        &ClusterWays::cuts, &ClusterWays::outages, &ClusterWays::stand_ins, &ClusterWays::uninstalled,
        &ClusterWays::asked_what_is_served, &ClusterWays::effective, &ClusterWays::failed, &ClusterWays::lost,
        &ClusterWays::stale}) {
    all.*way += life.*way;
  }
}

void Add(const GlooWays& life, GlooWays& all) {
  for (int GlooWays::*way : {&GlooWays::starts, &GlooWays::worlds, &GlooWays::early, &GlooWays::revisions,
                             &GlooWays::drains, &GlooWays::reasons, &GlooWays::late, &GlooWays::refusals}) {
    all.*way += life.*way;
  }
}

// A test that does not go there proves nothing.
void ExpectAllWays(const Ways& ways) {
  EXPECT_GT(ways.responses, 3000);
  EXPECT_GT(ways.nacks, 80);
  EXPECT_GT(ways.compared, 50);
  EXPECT_GT(ways.cluster.applied, 3000);
  EXPECT_GT(ways.cluster.anew, 30);
  EXPECT_GT(ways.cluster.broken, 10);
  EXPECT_GT(ways.cluster.bursts, 50);
  EXPECT_GT(ways.cluster.policies, 50);
  EXPECT_GT(ways.cluster.namespaces, 50);
  EXPECT_GT(ways.cluster.foreign, 50);
  EXPECT_GT(ways.cluster.taken, 20);
  EXPECT_GT(ways.cluster.refusals, 1000);
  EXPECT_GT(ways.cluster.cuts, 1000);
  EXPECT_GT(ways.cluster.outages, 20);
  EXPECT_GT(ways.cluster.uninstalled, 20);
  EXPECT_GT(ways.cluster.asked_what_is_served, 3);
  EXPECT_GT(ways.cluster.stand_ins, 20);
  EXPECT_GT(ways.cluster.effective, 500);
  EXPECT_GT(ways.cluster.failed, 100);
  EXPECT_GT(ways.cluster.lost, 10);
  EXPECT_GT(ways.cluster.stale, 0);
  EXPECT_GT(ways.gloo.starts, kSeeds + 10);
  EXPECT_GT(ways.gloo.worlds, kSeeds + 5);
  EXPECT_GT(ways.gloo.early, 100);
  EXPECT_GT(ways.gloo.revisions, 500);
  EXPECT_GT(ways.gloo.drains, 0);
  EXPECT_GT(ways.gloo.reasons, 500);
  EXPECT_GT(ways.gloo.late, 0);
  EXPECT_GT(ways.gloo.refusals, 50);
}

TEST(ClusterSimulation, PromisesHoldForEverySeed) {
  Ways all;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const ClusterResult result = SimulateCluster(seed, kSteps);
    for (const std::string& complaint : result.complaints) {
      ADD_FAILURE() << complaint << "\nreproduce with: k8sgateway-sim --cluster --seed " << seed << " --steps "
                    << kSteps;
    }
    if (!result.complaints.empty()) return;
    all.responses += result.responses;
    all.nacks += result.nacks;
    all.compared += result.compared;
    Add(result.cluster, all.cluster);
    Add(result.gloo, all.gloo);
  }
  ExpectAllWays(all);
}

TEST(ClusterSimulation, ASeedSaysItAll) {
  EXPECT_EQ(SimulateCluster(5, kSteps).trace, SimulateCluster(5, kSteps).trace);
  EXPECT_NE(SimulateCluster(5, kSteps).trace, SimulateCluster(6, kSteps).trace);
}

}  // namespace
}  // namespace k8sgw::sim
