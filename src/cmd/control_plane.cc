#include "src/cmd/control_plane.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "module/shard.h"
#include "module/versions.h"
#include "src/base/address.h"
#include "src/base/printable.h"
#include "src/cmd/envoy_module.h"
#include "src/envoy/names.h"
#include "src/envoy/static_resources.h"

namespace k8sgw {
namespace {

// How often the status is looked at while Envoys are on their way to the newest revision, and when they are there.
constexpr auto kStatusPoll = std::chrono::milliseconds(2);
constexpr auto kStatusRest = std::chrono::milliseconds(50);
// Of Envoys that report a module that they cannot load, so many lines are enough.
constexpr int kMostMisfitsTold = 20;

}  // namespace

ControlPlane::ControlPlane(ControlPlaneOptions options, EventLoop& loop, Locate locate)
    : options_(std::move(options)), loop_(loop), locate_(std::move(locate)), pipeline_(options_.pipeline) {
  pipeline_.DivideTables(options_.route_shards);
}

absl::Status ControlPlane::Listen(const std::string& address) {
  xds::ServerOptions options;
  options.address = address;
  options.engine.fallback_role = envoy::kFallbackRole;
  // Called on gRPC's threads, under the engine's lock.
  options.engine.on_nack = [this](const xds::Nack& nack) {
    loop_.Post([this, nack] {
      pipeline_.ReportNack(nack);
      TellProblems();
    });
  };
  options.engine.on_answered = [this](const std::string& role, std::chrono::nanoseconds took) {
    if (!options_.on_answered || role == envoy::kFallbackRole) return;
    loop_.Post([this, role, took] { options_.on_answered(role, took); });
  };
  if (options_.route_shards > 0) options.engine.module = shard::kVersion;
  options.engine.can_load_module = [this](const xds::Request& first) {
    if (CanLoadModule(first.envoy)) return true;
    const xds::EnvoyVersion& version = *first.envoy;
    loop_.Post([this, version, node = first.node_id] {
      if (++misfits_told_ > kMostMisfitsTold) return;
      spdlog::warn("the Envoy {} is {}.{}.{}, and its module is made for {}: its route tables stay whole",
                   Printable(node), version.major, version.minor, version.patch, module::kEnvoysThatFit);
    });
    return false;
  };
  options.engine.on_module = [this](const std::string& role) { loop_.Post([this, role] { UseModule(role); }); };
  options.engine.drain = options_.drain;
  options.authenticator = options_.authenticator;
  options.on_refusal = [this](const xds::Refusal& refusal) {
    const std::optional<std::string> line = refusals_.Line(refusal, EventLoop::Now());
    if (line) loop_.Post([line = *line] { spdlog::warn("xDS: {}", line); });
  };
  auto server = xds::Server::Start(std::move(options));
  if (!server.ok()) return server.status();
  xds::Update fallback;
  fallback.put = envoy::UnknownRoleResources(options_.fallback_port);
  (*server)->Apply(envoy::kFallbackRole, fallback);
  for (const std::string& role : ensured_roles_) (*server)->Apply(role, {});
  for (const std::string& role : module_roles_) (*server)->ModuleReady(role);
  if (!held_) ServeAll(**server);
  if (serving_) (*server)->SetServing();
  if (server_) server_->Shutdown();
  std::lock_guard<std::mutex> lock(mutex_);
  server_ = std::move(*server);
  return absl::OkStatus();
}

std::shared_ptr<xds::Server> ControlPlane::xds() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return server_;
}

void ControlPlane::ServeAll(xds::Server& server) const {
  for (const std::string& role : pipeline_.roles()) {
    xds::Update all;
    for (const auto& [type, resources] : pipeline_.ResourcesOf(role)) {
      for (const auto& [name, resource] : resources) all.put.push_back(resource);
    }
    server.Apply(role, all);
  }
}

void ControlPlane::Release() {
  held_ = false;
  if (server_) ServeAll(*server_);
  BeginDrain();
  LogProblems();
}

std::set<ResourceKey> ControlPlane::ObjectsWithErrors() const {
  std::set<ResourceKey> out;
  if (pipeline_.problem_table().CountErrors() == 0) return out;
  for (const Problem& problem : pipeline_.problems()) {
    if (problem.severity == Severity::kError) out.insert(problem.object);
  }
  // A ConfigMap is never wrong by itself, but for who reads it.
  pipeline_.envoy().checked_listeners().ForEach([&](const auto&, const auto& checked) {
    if (checked->accepted) return;
    for (const auto& [ref, artifact] : checked->listener->artifacts) out.insert({Kind::kArtifact, ref.ns, ref.name});
  });
  return out;
}

void ControlPlane::EnsureRole(const std::string& role) {
  ensured_roles_.insert(role);
  if (server_) server_->Apply(role, {});
}

void ControlPlane::Apply(const std::vector<Change>& changes, const Problems& source_problems) {
  // A file beside the folder, such as our own status file, wakes the source too.
  if (changes.empty() && source_problems == source_problems_ && revision() > 0) return;
  source_problems_ = source_problems;
  if (options_.on_changes && !changes.empty()) options_.on_changes(changes);
  for (const Change& change : changes) pipeline_.StageAndTell(change);
  pipeline_.problem_table().Set("source", "", source_problems);
  Commit();
}

void ControlPlane::ApplyWasmModules(const std::map<std::string, std::optional<WasmModule>>& modules) {
  for (const auto& [image, module] : modules) pipeline_.StageWasmModule(image, module);
  if (!modules.empty()) Commit();
}

void ControlPlane::Commit() {
  const auto begin = std::chrono::steady_clock::now();
  const auto updates = pipeline_.Commit();
  if (options_.on_revision) options_.on_revision(std::chrono::steady_clock::now() - begin);
  if (held_) return;
  Serve(updates);
  if (options_.on_served) options_.on_served(std::chrono::steady_clock::now() - begin);
  LogProblems();
}

void ControlPlane::Serve(const std::map<std::string, xds::Update>& updates) {
  if (server_) {
    for (const auto& [role, update] : updates) server_->Apply(role, update);
  }
  BeginDrain();
}

void ControlPlane::BeginDrain() {
  if (!drain_ends_ && pipeline_.HasOldShards()) drain_ends_ = EventLoop::Now() + options_.drain;
}

void ControlPlane::UseModule(const std::string& role) {
  if (!module_roles_.insert(role).second) return;
  pipeline_.UseModule(role);
  // Before the first revision nobody waits.
  if (revision() > 0) {
    const auto updates = pipeline_.Commit();
    if (!held_) {
      Serve(updates);
      TellProblems();
    }
  }
  if (server_) server_->ModuleReady(role);
}

void ControlPlane::TakeNacksOf(const std::string& replica, std::vector<NackInForce> nacks) {
  pipeline_.nacks().SetOf(replica, std::move(nacks));
  TellProblems();
}

// Each time that the connections of replaced listeners have had their time, what was old at the last time goes.
void ControlPlane::KeepDrains() {
  if (!drain_ends_ || EventLoop::Now() < *drain_ends_) return;
  drain_ends_.reset();
  pipeline_.DrainHasPassed();
  const auto updates = pipeline_.Commit();
  if (held_) return;
  Serve(updates);
  TellProblems();
}

std::optional<EventLoop::Time> ControlPlane::deadline() const {
  if (!drain_ends_ || (next_status_ && *next_status_ < *drain_ends_)) return next_status_;
  return drain_ends_;
}

void ControlPlane::TellProblems() {
  LogProblems();
  if (options_.on_problems) options_.on_problems();
}

void ControlPlane::LogProblems() {
  const auto difference = pipeline_.problem_table().TakeDifference();
  for (const Problem& problem : difference.added) {
    const std::string place = locate_(problem);
    const std::string text = place.empty() ? problem.ToString() : place + ": " + problem.ToString();
    if (problem.severity == Severity::kError) {
      spdlog::error("{}", text);
    } else {
      spdlog::warn("{}", text);
    }
  }
  for (const Problem& problem : difference.removed) spdlog::info("mended: {}", problem.ToString());
}

std::set<std::string> ControlPlane::roles() const {
  std::set<std::string> roles = ensured_roles_;
  for (const std::string& role : pipeline_.roles()) roles.insert(role);
  return roles;
}

bool ControlPlane::AllInSync() const {
  const std::set<std::string> all = roles();
  return std::all_of(all.begin(), all.end(), [&](const std::string& role) { return InSync(role); });
}

void ControlPlane::UpdateStatus() {
  KeepDrains();
  if (options_.status_file.empty()) return;
  const xds::EngineStats stats = server_ ? server_->stats() : xds::EngineStats();
  const xds::AccessStats access = server_ ? server_->access_stats() : xds::AccessStats();
  const bool in_sync = AllInSync();
  next_status_ = EventLoop::Now() + (in_sync ? kStatusRest : kStatusPoll);
  const std::string status =
      fmt::format(R"({{"revision": {}, "in_sync": {}, "errors": {}, "warnings": {}, "streams": {}, "nacks": {}, )"
                  R"("unknown_roles": {}, "refused": {}}})"
                  "\n",
                  revision(), in_sync ? "true" : "false", pipeline_.problem_table().CountErrors(),
                  pipeline_.problem_table().CountWarnings(), stats.streams, stats.nacks, stats.unknown_roles,
                  access.unauthenticated + access.denied + access.unavailable);
  if (status == last_status_) return;
  // On a full disk the old file stays, and it is tried again.
  const std::string part = options_.status_file + ".part";
  std::ofstream out(part);
  out << status;
  out.close();
  if (out && std::rename(part.c_str(), options_.status_file.c_str()) == 0) last_status_ = status;
}

std::vector<std::pair<std::string, std::string>> ControlPlane::ListenerAddresses(const std::string& role) const {
  std::vector<std::pair<std::string, std::string>> out;
  pipeline_.envoy().served_listeners().ForEach(
      [&](const proxy::ListenerKey& key, const Ptr<proxy::Listener>& listener) {
        const auto served = pipeline_.envoy().listeners().Get(key);
        if (envoy::Role(key.proxy) != role || !served || !served->resource) return;
        out.emplace_back(listener->spec->name(),
                         (listener->ssl ? "https://" : "http://") +
                             HostAndPort(listener->spec->bind_address(), listener->spec->bind_port()));
      });
  return out;
}

void ControlPlane::SetServing() {
  serving_ = true;
  if (server_) server_->SetServing();
}

void ControlPlane::Shutdown() {
  if (server_) server_->Shutdown();
}

}  // namespace k8sgw
