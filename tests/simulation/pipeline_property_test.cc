// The permanent oracle: however a state was reached, it is the one that a fresh start would give, byte for byte.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/simulation/consistency.h"
#include "tests/simulation/oracle.h"

namespace k8sgw::sim {
namespace {

int FromEnvironment(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value ? std::atoi(value) : otherwise;
}

using Mirror = std::map<std::string, Snapshot>;

// Books updates as an xDS server does; what is sent must differ from what was there.
void Book(const std::map<std::string, xds::Update>& updates, Mirror& mirror) {
  for (const auto& [role, update] : updates) {
    Snapshot& snapshot = mirror[role];
    for (const auto& resource : update.put) {
      auto& slot = snapshot[resource->type][resource->name];
      EXPECT_FALSE(slot && slot->version == resource->version) << "sent again: " << role << " " << resource->name;
      slot = resource;
    }
    for (const auto& [type, name] : update.removed) {
      EXPECT_EQ(snapshot[type].erase(name), 1u) << "removed, but it was not there: " << role << " " << name;
    }
  }
}

std::map<std::string, std::string> Versions(const std::string& role, const Snapshot& snapshot) {
  std::map<std::string, std::string> out;
  for (const auto& [type, resources] : snapshot) {
    for (const auto& [name, resource] : resources)
      out[role + " " + std::string(xds::TypeUrl(type)) + " " + name] = resource->version;
  }
  return out;
}

void ExpectMirrors(const Pipeline& pipeline, const Mirror& mirror) {
  for (const std::string& role : pipeline.roles()) {
    const auto booked = mirror.find(role);
    ASSERT_EQ(Difference(Versions(role, pipeline.ResourcesOf(role)),
                         Versions(role, booked == mirror.end() ? Snapshot() : booked->second)),
              "");
  }
  for (const auto& [role, snapshot] : mirror)
    ASSERT_EQ(Difference(Versions(role, snapshot), Versions(role, pipeline.ResourcesOf(role))), "");
}

void ExpectWhole(const Pipeline& pipeline) {
  for (const std::string& broken : BrokenReferences(pipeline)) ADD_FAILURE() << broken;
}

// What makes a universe worth the name.
struct Tally {
  int64_t tables = 0;
  int64_t errors = 0;
  int64_t rescued = 0;  // transactions after which the memory of last good versions mattered
};

void RunSeed(uint64_t seed, int steps, Tally& tally) {
  const auto secrets = seed % 4 == 0 ? envoy::SecretDelivery::kInline : envoy::SecretDelivery::kSds;
  Universe universe(seed);
  Random order(seed);
  ControlPlane control(secrets);
  Mirror mirror;
  for (int step = 0; step < steps; ++step) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", transaction " + std::to_string(step));
    const Memory before = control.memory();
    Book(control.Apply(universe.Step()), mirror);
    const auto now = Dump(control.pipeline());
    const auto again = control.ReadAgain(order);
    ASSERT_EQ(Difference(Dump(control.objects()), Dump(again.objects)), "");
    ASSERT_EQ(Difference(now, Dump(*FromScratch(secrets, again, before))), "");
    ExpectMirrors(control.pipeline(), mirror);
    ExpectWhole(control.pipeline());
    if (testing::Test::HasFailure()) return;
    for (auto& [role, snapshot] : mirror) tally.tables += static_cast<int64_t>(snapshot[xds::Type::kRoute].size());
    tally.errors += static_cast<int64_t>(control.pipeline().problem_table().CountErrors());
    if (step % 10 == 0) tally.rescued += !Difference(now, Dump(*FromScratch(secrets, again, {}))).empty();
  }
}

TEST(PipelineProperty, EveryTransactionEqualsAFreshStart) {
  const int seeds = FromEnvironment("SIMULATION_SEEDS", 8);
  const int steps = FromEnvironment("SIMULATION_STEPS", 250);
  const int first = FromEnvironment("SIMULATION_FIRST_SEED", 1);
  Tally tally;
  for (int seed = first; seed < first + seeds; ++seed) {
    RunSeed(static_cast<uint64_t>(seed), steps, tally);
    if (HasFailure()) return;
  }
  const int64_t all = int64_t{seeds} * steps;
  EXPECT_GT(tally.tables, all / 4);
  EXPECT_GT(tally.errors, all);
  EXPECT_GT(tally.rescued, all / 10 / 4);
}

}  // namespace
}  // namespace k8sgw::sim
