// The permanent oracle: however a state was reached, it is the one that a fresh start would give, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/endpoint/v3/endpoint_components.proto.h"
#include "src/envoy/resource.h"
#include "src/pipeline/speculation.h"
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
      EXPECT_FALSE(slot && *slot == *resource) << "sent again: " << role << " " << resource->name;
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
    for (const auto& [name, resource] : resources) {
      const std::string divided = resource->with_module ? " and " + resource->with_module->version : "";
      out[role + " " + std::string(xds::TypeUrl(type)) + " " + name] = resource->version + divided;
    }
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

bool IsFilled(const std::pair<const std::string, Ptr<xds::Resource>>& endpoints) {
  return envoy::Parse<::envoy::config::endpoint::v3::ClusterLoadAssignment>(*endpoints.second).endpoints_size() > 0;
}

// What makes a universe worth the name.
struct Tally {
  int64_t tables = 0;
  int64_t filled = 0;  // clusters with endpoints
  int64_t errors = 0;
  int64_t tried = 0;  // transactions before which something was speculated
  int64_t scopes = 0;
  int64_t drained = 0;  // transactions after which old parts of tables went
  int64_t rescued = 0;  // transactions after which the memory of last good versions mattered
};

std::set<std::string> Words(const Problems& problems) {
  std::set<std::string> words;
  for (const Problem& problem : problems) words.insert(problem.ToString());
  return words;
}

// What is said of changes must be what a pipeline says that gets them; afterwards nothing may be left of them. The
// changes are objects as they were at some time before.
bool Speculate(ControlPlane& control, envoy::SecretDelivery secrets, std::vector<Change>& past, Random& random) {
  for (const auto& [key, change] : control.objects()) {
    if (random.OneIn(10)) past.push_back(change);
    if (past.size() > 200) past.erase(past.begin());
  }
  std::vector<Change> changes;
  for (int i = random.Below(4); i > 0 && !past.empty(); --i) {
    changes.push_back(past[static_cast<size_t>(random.Below(static_cast<int>(past.size())))]);
    if (random.Below(3) == 0) changes.back().SetGone();
  }
  if (changes.empty()) return false;

  const auto graph_before = Dump(control.pipeline());
  const Memory memory = control.memory();
  ControlPlane::Reading reading = control.ReadAgain(random);
  const auto read = [&](const Change& change) {
    reading.objects.erase(change.key);
    if (!change.gone()) reading.objects.insert_or_assign(change.key, change);
  };
  std::set<std::string> caused;
  {
    Speculation speculation(control.pipeline());
    if (random.Below(2) == 0) speculation.Try({changes.back()});
    if (random.Below(2) == 0) {
      // The first is adopted, and the others are tried on top of it.
      speculation.Try({changes.front()});
      speculation.Adopt();
      read(changes.front());
      changes.erase(changes.begin());
    }
    caused = Words(speculation.Try(changes).caused);
  }
  EXPECT_EQ(Difference(Dump(control.pipeline()), graph_before), "") << "something is left";
  const auto calm = FromScratch(secrets, reading, memory);
  for (const Change& change : changes) read(change);
  const auto would = FromScratch(secrets, reading, memory);
  std::set<std::string> expected = Words(would->problems());
  for (const std::string& known : Words(calm->problems())) expected.erase(known);
  // What the source says of kinds that are not translated is not the graph's.
  std::erase_if(expected, [](const std::string& words) {
    return words.find(": objects of this kind are not translated yet") != std::string::npos;
  });
  EXPECT_EQ(caused, expected);
  return true;
}

void RunSeed(uint64_t seed, int steps, Tally& tally) {
  const auto secrets = seed % 4 == 0 ? envoy::SecretDelivery::kInline : envoy::SecretDelivery::kSds;
  Universe universe(seed);
  Random order(seed);
  ControlPlane control(secrets);
  // Proxies of odd seeds have the module: their tables are divided.
  if (seed % 2 == 1) control.pipeline().UseModule("gloo-system~gateway-proxy");
  Mirror mirror;
  std::vector<Change> past;
  for (int step = 0; step < steps; ++step) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", transaction " + std::to_string(step));
    const Memory before = control.memory();
    tally.tried += Speculate(control, secrets, past, order) ? 1 : 0;
    if (testing::Test::HasFailure()) return;
    Book(control.Apply(universe.Step()), mirror);
    tally.scopes += static_cast<int64_t>(mirror["gloo-system~gateway-proxy"][xds::Type::kScope].size());
    const auto now = Dump(control.pipeline());
    const auto again = control.ReadAgain(order);
    ASSERT_EQ(Difference(Dump(control.objects()), Dump(again.objects)), "");
    ASSERT_EQ(Difference(now, Dump(*FromScratch(secrets, again, before))), "");
    ExpectMirrors(control.pipeline(), mirror);
    ExpectWhole(control.pipeline());
    if (testing::Test::HasFailure()) return;
    for (auto& [role, snapshot] : mirror) {
      tally.tables += static_cast<int64_t>(snapshot[xds::Type::kRoute].size());
      tally.filled += std::ranges::count_if(snapshot[xds::Type::kEndpoint], IsFilled);
    }
    tally.errors += static_cast<int64_t>(control.pipeline().problem_table().CountErrors());
    if (control.pipeline().HasOldShards() && order.OneIn(3)) {
      ++tally.drained;
      control.pipeline().DrainHasPassed();
      Book(control.pipeline().Commit(), mirror);
      ExpectMirrors(control.pipeline(), mirror);
    }
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
  EXPECT_GT(tally.filled, all / 10);
  EXPECT_GT(tally.errors, all);
  EXPECT_GT(tally.tried, all / 2);
  EXPECT_GT(tally.rescued, all / 10 / 4);
  EXPECT_GT(tally.scopes, all / 4);
  EXPECT_GT(tally.drained, all / 400);
}

}  // namespace
}  // namespace k8sgw::sim
