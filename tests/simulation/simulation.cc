#include "tests/simulation/simulation.h"

#include <fmt/core.h>

#include "tests/simulation/fleet.h"
#include "tests/simulation/oracle.h"

namespace k8sgw::sim {
namespace {

using namespace std::chrono_literals;

constexpr auto kSecrets = envoy::SecretDelivery::kSds;
// Real runs never need as many; a protocol that goes round and round does.
constexpr int kMostEvents = 2'000'000;

class Run : private Configurer {
 public:
  Run(uint64_t seed, int steps, bool verbose) : steps_(steps), universe_(seed), fleet_(seed ^ 0x5eed, verbose) {
    fleet_.Serve(*this);
  }

  Result Go() {
    fleet_.clock().After(1ms, [this] { ChangeFiles(); });
    Drain();
    fleet_.Calm();
    Drain();
    fleet_.CheckHolds();
    return fleet_.result();
  }

 private:
  Pipeline& pipeline() override { return control_.pipeline(); }
  void OnNack(const xds::Nack& nack) override { control_.pipeline().ReportNack(nack); }
  std::map<std::string, xds::Update> UseModule(const std::string& role) override {
    control_.pipeline().UseModule(role);
    return control_.pipeline().Commit();
  }

  void Drain() {
    for (int i = 0; fleet_.Step(); ++i) {
      if (i > kMostEvents) return fleet_.Complain("it does not come to rest");
    }
  }

  void ChangeFiles() {
    const auto changes = universe_.Step();
    const Memory before = control_.memory();
    const auto updates = control_.Apply(changes);
    fleet_.Say(fmt::format("{} files change, {} roles are updated", changes.size(), updates.size()));
    fleet_.Send(updates);
    Random& random = fleet_.random();
    if (++step_ % 25 == 0) {
      auto now = Dump(control_.pipeline());
      // What Envoys refused is known to this pipeline alone.
      std::erase_if(now, [](const auto& entry) { return entry.first.find("Envoy refused") != std::string::npos; });
      const std::string difference = Difference(now, Dump(*FromScratch(kSecrets, control_.ReadAgain(random), before)));
      if (!difference.empty()) fleet_.Complain("not as from scratch: " + difference);
    }
    if (control_.pipeline().HasOldShards() && random.OneIn(3)) {
      control_.pipeline().DrainHasPassed();
      fleet_.Send(control_.pipeline().Commit());
    }
    if (step_ < steps_) fleet_.clock().After(Clock::Duration(1 + random.Below(60)), [this] { ChangeFiles(); });
  }

  const int steps_;
  Universe universe_;
  ControlPlane control_{kSecrets};
  Fleet fleet_;
  int step_ = 0;
};

}  // namespace

Result Simulate(uint64_t seed, int steps, bool verbose) { return Run(seed, steps, verbose).Go(); }

}  // namespace k8sgw::sim
