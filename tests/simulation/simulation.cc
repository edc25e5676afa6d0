#include "tests/simulation/simulation.h"

#include <fmt/core.h>

#include <memory>

#include "src/base/hash.h"
#include "src/envoy/names.h"
#include "src/envoy/static_resources.h"
#include "tests/simulation/fake_envoy.h"
#include "tests/simulation/oracle.h"

namespace k8sgw::sim {
namespace {

using namespace std::chrono_literals;

constexpr char kRole[] = "gloo-system~gateway-proxy";
constexpr auto kSecrets = envoy::SecretDelivery::kSds;
constexpr uint32_t kFallbackPort = 8080;
// Real runs never need as many; a protocol that goes round and round does.
constexpr int kMostEvents = 2'000'000;

const std::vector<EnvoyTraits>& Envoys() {
  static const std::vector<EnvoyTraits> kEnvoys = {
      {.id = "steady", .role = kRole},
      {.id = "steady-state", .delta = false, .role = kRole},
      {.id = "refuses", .role = kRole, .refuses = 8},
      {.id = "refuses-state", .delta = false, .role = kRole, .refuses = 8},
      {.id = "stalls", .role = kRole, .stalls = 4},
      {.id = "reconnects", .role = kRole, .reconnects = 10},
      {.id = "everything-state", .delta = false, .role = kRole, .refuses = 20, .stalls = 10, .reconnects = 20},
      {.id = "everything", .role = kRole, .refuses = 20, .stalls = 10, .reconnects = 20},
      {.id = "module", .role = kRole, .module = true},
      {.id = "module-refuses", .role = kRole, .module = true, .refuses = 8},
      {.id = "module-everything", .role = kRole, .module = true, .refuses = 20, .stalls = 10, .reconnects = 20},
      {.id = "second", .role = "gloo-system~p2"},
      {.id = "no-role", .role = std::nullopt},
      {.id = "unknown", .delta = false, .role = "nobody~knows"},
  };
  return kEnvoys;
}

class Run {
 public:
  Run(uint64_t seed, int steps, bool verbose)
      : steps_(steps), verbose_(verbose), universe_(seed), random_(seed ^ 0x5eed), engine_(Options()) {
    xds::Update fallback;
    fallback.put = envoy::UnknownRoleResources(kFallbackPort);
    engine_.Apply(envoy::kFallbackRole, fallback, clock_.now());
    for (const EnvoyTraits& traits : Envoys()) {
      envoys_.push_back(std::make_unique<FakeEnvoy>(
          traits, engine_, clock_, random_, [this, traits] { return Seen(traits); },
          [this](std::string what) { Complain(std::move(what)); }));
      clock_.After(Clock::Duration(random_.Below(500)), [envoy = envoys_.back().get()] { envoy->Connect(); });
    }
  }

  // What this Envoy is to have.
  Snapshot Seen(const EnvoyTraits& traits) const {
    Snapshot snapshot = control_.pipeline().ResourcesOf(traits.role.value_or(""));
    for (auto& [name, listener] : snapshot[xds::Type::kListener]) {
      if (traits.module && listener->with_module) listener = listener->with_module;
    }
    return snapshot;
  }

  Result Go() {
    clock_.After(1ms, [this] { ChangeFiles(); });
    Drain();
    for (auto& envoy : envoys_) envoy->Calm();
    Drain();
    CheckEnd();
    result_.responses = engine_.stats().responses;
    result_.nacks = engine_.stats().nacks;
    return result_;
  }

 private:
  xds::EngineOptions Options() {
    xds::EngineOptions options;
    options.fallback_role = envoy::kFallbackRole;
    options.module = kModule;
    options.tables_grace = 1h;
    options.on_module = [this](const std::string& role) {
      clock_.After(1ms, [this, role] {
        control_.pipeline().UseModule(role);
        Send(control_.pipeline().Commit());
        engine_.ModuleReady(role, clock_.now());
      });
    };
    options.on_nack = [this](const xds::Nack& nack) {
      // As in production: the engine is not called from within its own call, the report comes a little later.
      clock_.After(0ms, [this, nack] {
        control_.pipeline().ReportNack(nack);
        Trace(nack.message);
      });
    };
    return options;
  }

  void Complain(std::string what) {
    if (verbose_) fmt::print("{:>8} ms  COMPLAINT {}\n", NowMs(), what);
    if (result_.complaints.size() < 20) result_.complaints.push_back(fmt::format("at {} ms: {}", NowMs(), what));
  }

  int64_t NowMs() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now().time_since_epoch()).count();
  }

  void Trace(const std::string& what) { result_.trace = HashCombine(result_.trace, Hash64(what)); }

  void Drain() {
    for (int i = 0; clock_.Step(); ++i) {
      if (i > kMostEvents) return Complain("it does not come to rest");
      if (const auto deadline = engine_.NextDeadline(); deadline && (!tick_at_ || *deadline < *tick_at_)) {
        tick_at_ = deadline;
        clock_.After(std::chrono::ceil<Clock::Duration>(*deadline - clock_.now()), [this] {
          tick_at_.reset();
          engine_.Tick(clock_.now());
        });
      }
    }
  }

  void Send(const std::map<std::string, xds::Update>& updates) {
    for (const auto& [role, update] : updates) {
      for (const auto& resource : update.put) Trace(role + resource->name + resource->version);
      for (const auto& [type, name] : update.removed) Trace(role + "-" + name);
      engine_.Apply(role, update, clock_.now());
    }
  }

  void ChangeFiles() {
    const auto changes = universe_.Step();
    const Memory before = control_.memory();
    const auto updates = control_.Apply(changes);
    if (verbose_)
      fmt::print("{:>8} ms  {} files change, {} roles are updated\n", NowMs(), changes.size(), updates.size());
    Send(updates);
    if (++step_ % 25 == 0) {
      auto now = Dump(control_.pipeline());
      // What Envoys refused is known to this pipeline alone.
      std::erase_if(now, [](const auto& entry) { return entry.first.find("Envoy refused") != std::string::npos; });
      const std::string difference = Difference(now, Dump(*FromScratch(kSecrets, control_.ReadAgain(random_), before)));
      if (!difference.empty()) Complain("not as from scratch: " + difference);
    }
    if (control_.pipeline().HasOldShards() && random_.OneIn(3)) {
      control_.pipeline().DrainHasPassed();
      Send(control_.pipeline().Commit());
    }
    if (step_ < steps_) clock_.After(Clock::Duration(1 + random_.Below(60)), [this] { ChangeFiles(); });
  }

  void CheckEnd() {
    for (auto& envoy : envoys_) {
      const auto& role = envoy->traits().role;
      if (role && role->ends_with("knows")) continue;  // looked at below, with the fallback
      const auto roles = control_.pipeline().roles();
      const bool known = role && std::find(roles.begin(), roles.end(), *role) != roles.end();
      if (known) envoy->CheckHolds(Seen(envoy->traits()));
    }
    Snapshot fallback;
    for (const auto& resource : envoy::UnknownRoleResources(kFallbackPort))
      fallback[resource->type][resource->name] = resource;
    for (auto& envoy : envoys_) {
      const auto& role = envoy->traits().role;
      if (!role || role->ends_with("knows")) envoy->CheckHolds(fallback);
    }
  }

  const int steps_;
  const bool verbose_;
  Clock clock_;
  Universe universe_;
  Random random_;
  ControlPlane control_{kSecrets};
  xds::Engine engine_;
  std::vector<std::unique_ptr<FakeEnvoy>> envoys_;
  std::optional<Clock::Time> tick_at_;
  int step_ = 0;
  Result result_;
};

}  // namespace

Result Simulate(uint64_t seed, int steps, bool verbose) { return Run(seed, steps, verbose).Go(); }

}  // namespace k8sgw::sim
