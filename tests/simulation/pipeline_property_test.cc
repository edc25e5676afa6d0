// The permanent oracle: however a state was reached, it is the one that a fresh start would give, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/simulation/oracle.h"

namespace k8sgw::sim {
namespace {

// How many transactions each seed makes; more by SIMULATION_STEPS.
int Steps() {
  const char* steps = std::getenv("SIMULATION_STEPS");
  return steps ? std::atoi(steps) : 250;
}
constexpr uint64_t kSeeds = 8;

using Mirror = std::map<std::string, Snapshot>;

// Books updates as an xDS server does; what is sent must differ from what was there.
void Book(const std::map<std::string, xds::Update>& updates, Mirror& mirror) {
  for (const auto& [role, update] : updates) {
    for (const auto& resource : update.put) {
      auto& slot = mirror[role][resource->type][resource->name];
      EXPECT_FALSE(slot && slot->version == resource->version) << "sent again: " << role << " " << resource->name;
      slot = resource;
    }
    for (const auto& [type, name] : update.removed) mirror[role][type].erase(name);
  }
}

void ExpectMirrors(const Pipeline& pipeline, const Mirror& mirror) {
  for (const auto& [role, snapshot] : mirror) {
    Snapshot now = pipeline.ResourcesOf(role);
    for (const auto& [type, resources] : snapshot) {
      auto& current = now[type];
      ASSERT_EQ(current.size(), resources.size()) << role << " " << xds::TypeUrl(type);
      for (const auto& [name, resource] : resources) {
        ASSERT_TRUE(current.contains(name)) << role << " " << name;
        EXPECT_EQ(current[name]->version, resource->version) << role << " " << name;
      }
    }
  }
}

TEST(PipelineProperty, EveryTransactionEqualsAFreshStart) {
  size_t resources = 0;
  size_t problems = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Universe universe(seed);
    ControlPlane control;
    Mirror mirror;
    for (int step = 0; step < Steps(); ++step) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", transaction " + std::to_string(step));
      const Memory before = control.memory();
      Book(control.Apply(universe.Step()), mirror);
      const auto now = Dump(control.pipeline());
      ASSERT_EQ(Difference(now, Dump(*FromScratch(control.objects(), before))), "");
      ExpectMirrors(control.pipeline(), mirror);
      if (HasFailure()) return;
      resources += mirror["gloo-system~gateway-proxy"][xds::Type::kRoute].size();
      problems += control.pipeline().problems().size();
    }
  }
  // The universe is worth the name.
  EXPECT_GT(resources, kSeeds * static_cast<size_t>(Steps()) / 4);
  EXPECT_GT(problems, kSeeds * static_cast<size_t>(Steps()));
}

TEST(PipelineProperty, TheOrderOfFilesDoesNotMatter) {
  for (uint64_t seed = 100; seed < 120; ++seed) {
    Universe universe(seed);
    for (int step = 0; step < 60; ++step) universe.Step();
    std::vector<FileChange> files;
    for (const auto& [path, text] : universe.files()) files.push_back({path, text});
    std::map<std::string, std::string> first;
    for (int round = 0; round < 4; ++round) {
      ControlPlane control;
      control.Apply(files);
      const auto dump = Dump(control.pipeline());
      if (round == 0) first = dump;
      ASSERT_EQ(Difference(first, dump), "") << "seed " << seed;
      std::shuffle(files.begin(), files.end(), universe.random().engine());
    }
  }
}

}  // namespace
}  // namespace k8sgw::sim
