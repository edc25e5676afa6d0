#include "tests/simulation/simulation.h"

#include <gtest/gtest.h>

namespace k8sgw::sim {
namespace {

constexpr int kSteps = 120;

TEST(Simulation, PromisesHoldForEverySeed) {
  int64_t nacks = 0;
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    const Result result = Simulate(seed, kSteps);
    for (const std::string& complaint : result.complaints) {
      ADD_FAILURE() << complaint << "\nreproduce with: k8sgateway-sim --seed " << seed << " --steps " << kSteps;
    }
    if (!result.complaints.empty()) return;
    EXPECT_GT(result.responses, kSteps);
    nacks += result.nacks;
  }
  EXPECT_GT(nacks, 100);
}

TEST(Simulation, ASeedSaysItAll) {
  EXPECT_EQ(Simulate(5, kSteps).trace, Simulate(5, kSteps).trace);
  EXPECT_NE(Simulate(5, kSteps).trace, Simulate(6, kSteps).trace);
}

}  // namespace
}  // namespace k8sgw::sim
