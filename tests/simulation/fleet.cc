#include "tests/simulation/fleet.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "src/base/hash.h"
#include "src/envoy/names.h"
#include "src/envoy/static_resources.h"

namespace k8sgw::sim {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kFallbackPort = 8080;
constexpr size_t kMostComplaints = 20;

const std::vector<EnvoyTraits>& Envoys() {
  static const std::vector<EnvoyTraits> kEnvoys = {
      {.id = "steady", .role = kProxyRole},
      {.id = "steady-state", .delta = false, .role = kProxyRole},
      {.id = "refuses", .role = kProxyRole, .refuses = 8},
      {.id = "refuses-state", .delta = false, .role = kProxyRole, .refuses = 8},
      {.id = "stalls", .role = kProxyRole, .stalls = 4},
      {.id = "reconnects", .role = kProxyRole, .reconnects = 10},
      {.id = "everything-state", .delta = false, .role = kProxyRole, .refuses = 20, .stalls = 10, .reconnects = 20},
      {.id = "everything", .role = kProxyRole, .refuses = 20, .stalls = 10, .reconnects = 20},
      {.id = "module", .role = kProxyRole, .module = true},
      {.id = "module-refuses", .role = kProxyRole, .module = true, .refuses = 8},
      {.id = "module-everything", .role = kProxyRole, .module = true, .refuses = 20, .stalls = 10, .reconnects = 20},
      {.id = "second", .role = "gloo-system~p2"},
      {.id = "no-role", .role = std::nullopt},
      {.id = "unknown", .delta = false, .role = "nobody~knows"},
  };
  return kEnvoys;
}

}  // namespace

Fleet::Fleet(uint64_t seed, bool verbose) : verbose_(verbose), random_(seed) {
  for (const EnvoyTraits& traits : Envoys()) {
    envoys_.push_back(std::make_unique<FakeEnvoy>(
        traits, [this] { return engine_.get(); }, clock_, random_, [this, traits] { return Seen(traits); },
        [this](std::string what) { Complain(std::move(what)); }));
    clock_.After(Clock::Duration(random_.Below(500)), [envoy = envoys_.back().get()] { envoy->Connect(); });
  }
}

Fleet::~Fleet() = default;

Snapshot Fleet::Seen(const EnvoyTraits& traits) const {
  Snapshot snapshot = configurer_->pipeline().ResourcesOf(traits.role.value_or(""));
  for (auto& [name, listener] : snapshot[xds::Type::kListener]) {
    if (traits.module && listener->with_module) listener = listener->with_module;
  }
  return snapshot;
}

xds::EngineOptions Fleet::Options(Configurer& configurer) {
  xds::EngineOptions options;
  options.fallback_role = envoy::kFallbackRole;
  options.module = kModule;
  options.tables_grace = 1h;
  options.drain = kEnvoyDrain;
  options.on_module = [this, &configurer](const std::string& role) {
    clock_.After(1ms, [this, &configurer, role, serving = std::weak_ptr(engine_)] {
      const auto engine = serving.lock();
      if (!engine) return;
      Send(configurer.UseModule(role));
      engine->ModuleReady(role, clock_.now());
    });
  };
  options.on_nack = [this, &configurer](const xds::Nack& nack) {
    clock_.After(0ms, [this, &configurer, nack, serving = std::weak_ptr(engine_)] {
      if (serving.expired()) return;
      Trace(nack.message);
      configurer.OnNack(nack);
    });
  };
  return options;
}

void Fleet::Serve(Configurer& configurer) {
  configurer_ = &configurer;
  engine_ = std::make_shared<xds::Engine>(Options(configurer));
  xds::Update fallback;
  fallback.put = envoy::UnknownRoleResources(kFallbackPort);
  engine_->Apply(envoy::kFallbackRole, fallback, clock_.now());
}

void Fleet::StopServing() {
  if (!engine_) return;
  const xds::EngineStats stats = engine_->stats();
  result_.responses += stats.responses;
  result_.nacks += stats.nacks;
  engine_.reset();
  for (auto& envoy : envoys_) envoy->LoseServer();
  configurer_ = nullptr;
}

void Fleet::Send(const std::map<std::string, xds::Update>& updates) {
  if (!engine_) return;
  for (const auto& [role, update] : updates) {
    for (const auto& resource : update.put) Trace(role + resource->name + resource->version);
    for (const auto& [type, name] : update.removed) Trace(role + "-" + name);
    engine_->Apply(role, update, clock_.now());
  }
}

bool Fleet::Step() {
  if (!clock_.Step()) return false;
  if (!engine_) return true;
  if (const auto deadline = engine_->NextDeadline(); deadline && (!tick_at_ || *deadline < *tick_at_)) {
    tick_at_ = deadline;
    clock_.After(std::chrono::ceil<Clock::Duration>(*deadline - clock_.now()), [this] {
      tick_at_.reset();
      if (engine_) engine_->Tick(clock_.now());
    });
  }
  return true;
}

void Fleet::Calm() {
  for (auto& envoy : envoys_) envoy->Calm();
}

void Fleet::CheckHolds() {
  const auto roles = configurer_->pipeline().roles();
  Snapshot fallback;
  for (const auto& resource : envoy::UnknownRoleResources(kFallbackPort)) {
    fallback[resource->type][resource->name] = resource;
  }
  for (auto& envoy : envoys_) {
    const auto& role = envoy->traits().role;
    const bool known = role && std::find(roles.begin(), roles.end(), *role) != roles.end();
    envoy->CheckHolds(known ? Seen(envoy->traits()) : fallback);
  }
}

void Fleet::Complain(std::string what) {
  Say("COMPLAINT " + what);
  if (result_.complaints.size() < kMostComplaints) {
    result_.complaints.push_back(fmt::format("at {} ms: {}", NowMs(), what));
  }
}

void Fleet::Say(const std::string& what) const {
  if (verbose_) fmt::print("{:>8} ms  {}\n", NowMs(), what);
}

int64_t Fleet::NowMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - Clock::kBegin).count();
}

void Fleet::Trace(const std::string& what) { result_.trace = HashCombine(result_.trace, Hash64(what)); }

Result Fleet::result() const {
  Result result = result_;
  if (!engine_) return result;
  const xds::EngineStats stats = engine_->stats();
  result.responses += stats.responses;
  result.nacks += stats.nacks;
  return result;
}

}  // namespace k8sgw::sim
