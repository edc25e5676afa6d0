#include "tests/simulation/gloo.h"

#include <utility>

#include "src/base/text.h"
#include "src/status/status_writer.h"

namespace k8sgw::sim {
namespace {

using namespace std::chrono_literals;

// As in src/cmd/cluster.cc and src/cmd/control_plane.h.
constexpr auto kFirstWatches = 2s;
constexpr auto kEnvoysFirst = 100ms;

kube::ReflectorOptions Following(Random& random) {
  kube::ReflectorOptions options;
  options.watch_list = random.OneIn(3);
  if (!random.OneIn(3)) options.first_watch_after = kFirstWatches;
  return options;
}

}  // namespace

Pipeline::Options Gloo::PipelineOptions() {
  Pipeline::Options options = SimulationOptions(envoy::SecretDelivery::kSds);
  options.settings = {kOwnNamespace, Origin::kCluster};
  return options;
}

Gloo::Gloo(ModelCluster& cluster, Fleet& fleet, GlooWays& ways, KnownVerdicts& verdicts)
    : cluster_(cluster),
      fleet_(fleet),
      ways_(ways),
      known_verdicts_(verdicts),
      pipeline_(EmptyPipeline(PipelineOptions(), {})),
      verdicts_(*pipeline_),
      syncer_({}, [this] { return fleet_.random().Below(1000) / 1000.; }) {
  ++ways_.starts;
  cluster_.SetStarting(true);
  cluster_.server().now = Now();
  cluster::ClusterSource::Options options;
  options.reflector = Following(fleet_.random());
  source_.emplace(cluster_.server().Followed(), std::move(options),
                  cluster::ClusterSource::Consumer{
                      [this](const cluster::WatchedKind& kind, const kube::Event& event) { Observe(kind, event); },
                      [this](const cluster::WatchedKind&, const std::string&, const kube::Health& health) {
                        poke_ = poke_ || health.phase == kube::Health::Phase::kWatching;
                      }});
}

Gloo::~Gloo() { fleet_.StopServing(); }

void Gloo::Observe(const cluster::WatchedKind& kind, const kube::Event& event) {
  const ResourceKey key{kind.info->kind, event.object.meta.namespace_, event.object.meta.name};
  if (event.kind == kube::Event::Kind::kDelete) return syncer_.Gone(key);
  if (status::ReporterOf(key.kind).empty()) return;
  uids_[key] = event.object.meta.uid;
  if (syncer_.Observe(Now(), key, event.object.meta.uid, reader_.Read(event.object.json, status::FormOf(key.kind))))
    unjudged_.push_back(key);
}

void Gloo::Turn() {
  cluster_.server().now = Now();
  // What one watch heard, others need not wait for.
  if (std::exchange(poke_, false) && fleet_.random().OneIn(3)) source_->Poke();
  cluster_.server().Turn();
  caught_up_ = cluster_.server().IsCaughtUp();
  Take();
  if (drain_ends_ && Now() >= *drain_ends_) Drain();
  Pump();
}

void Gloo::Take() {
  if (const std::vector<Change> early = source_->TakeEarly(); !early.empty()) {
    ways_.early += static_cast<int>(early.size());
    Apply(early);
  }
  const std::optional<std::vector<Change>> changes = source_->Take();
  if (!changes) {
    if (source_->complete()) Committed({});
    return;
  }
  if (!serving_) fleet_.Say(Cat("the first world: ", changes->size(), " objects"));
  for (const Change& change : *changes) {
    Check(change);
    applied_.push_back(change.key);
  }
  Apply(*changes);
  if (serving_) return TellStatuses();
  Begin();
}

// What the source tells is news, and what is gone is gone.
void Gloo::Check(const Change& change) {
  if (change.gone()) {
    told_.erase(change.key);
    if (cluster_.WasThere(change.key)) {
      fleet_.Complain(change.key.ToString() + " was there all the time, and is told to be gone");
    }
  } else if (uint64_t& told = told_[change.key]; std::exchange(told, change.hash()) == change.hash()) {
    fleet_.Complain(change.key.ToString() + " is told again, and nothing of it has changed");
  }
}

void Gloo::Apply(const std::vector<Change>& changes) {
  const Problems problems = source_->problems();
  if (!changes.empty() || problems != problems_ || pipeline_->graph().revision() == 0) {
    problems_ = problems;
    ++ways_.revisions;
    const auto updates = Revise(*pipeline_, changes, problems);
    if (serving_) fleet_.Send(updates);
  }
  verdicts_.AfterCommit();
  if (!drain_ends_ && pipeline_->HasOldShards()) drain_ends_ = Now() + kEnvoyDrain;
}

// The first complete world is there: Envoys are served, and somewhat later statuses are written.
void Gloo::Begin() {
  ++ways_.worlds;
  serving_ = true;
  cluster_.SetStarting(false);
  fleet_.Serve(*this);
  std::map<std::string, xds::Update> all;
  for (const std::string& role : pipeline_->roles()) {
    for (const auto& [type, resources] : pipeline_->ResourcesOf(role)) {
      for (const auto& [name, resource] : resources) all[role].put.push_back(resource);
    }
  }
  fleet_.Send(all);
  syncer_.SetLeading(Now(), true);
  fleet_.clock().After(kEnvoysFirst, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) TellStatuses();
  });
}

void Gloo::TellStatuses() {
  std::vector<ResourceKey> changed = verdicts_.TakeChanged();
  changed.insert(changed.end(), applied_.begin(), applied_.end());
  applied_.clear();
  Committed(changed);
}

void Gloo::Committed(const std::vector<ResourceKey>& changed) {
  const std::vector<ResourceKey> unjudged = std::exchange(unjudged_, {});
  for (const auto* keys : {&unjudged, &changed}) {
    for (const ResourceKey& key : *keys) {
      if (!syncer_.Knows(key)) continue;
      if (!source_->Counts(key.ns.str())) {
        syncer_.Desire(Now(), key, 0);
        continue;
      }
      const uint64_t hash = verdicts_.Of(key).Hash();
      if (std::exchange(known_verdicts_[uids_.at(key)], hash) != hash) ++ways_.reasons;
      syncer_.Desire(Now(), key, hash);
    }
  }
  Pump();
}

void Gloo::OnNack(const xds::Nack& nack) {
  pipeline_->ReportNack(nack);
  const std::vector<ResourceKey> changed = verdicts_.TakeChanged();
  ways_.refusals += static_cast<int>(changed.size());
  Committed(changed);
}

std::map<std::string, xds::Update> Gloo::UseModule(const std::string& role) {
  if (!module_roles_.insert(role).second) return {};
  pipeline_->UseModule(role);
  auto updates = pipeline_->Commit();
  if (serving_) Committed(verdicts_.TakeChanged());
  return updates;
}

void Gloo::Drain() {
  drain_ends_.reset();
  ++ways_.drains;
  pipeline_->DrainHasPassed();
  fleet_.Send(pipeline_->Commit());
  Committed(verdicts_.TakeChanged());
  if (pipeline_->HasOldShards()) drain_ends_ = Now() + kEnvoyDrain;
}

void Gloo::Pump() {
  while (const auto write = syncer_.Next(Now())) Send(*write);
}

void Gloo::Send(const status::Syncer::Write& write) {
  ++ways_.sent;
  const kube::WriteRequest request = status::RequestOf(kOwnNamespace, write, verdicts_.Of(write.object));
  fleet_.Say("a status is written: " + write.object.ToString());
  fleet_.Trace(request.body);
  const auto delay = [this] { return Clock::Duration(fleet_.random().Below(fleet_.random().OneIn(10) ? 5000 : 50)); };
  const auto there = delay();
  const auto back = delay();
  // The request is on its way, whatever becomes of who sent it.
  fleet_.clock().After(there, [this, &cluster = cluster_, &fleet = fleet_, &ways = ways_, back, request, write,
                               alive = std::weak_ptr(alive_)] {
    if (alive.expired()) ++ways.late;
    const kube::WriteResult result = cluster.Patch(request, write.uid);
    fleet.clock().After(back, [this, alive, result, write] {
      if (!alive.expired()) OnAnswer(write, result);
    });
  });
}

void Gloo::OnAnswer(const status::Syncer::Write& write, const kube::WriteResult& result) {
  syncer_.OnResult(Now(), write.id, status::OutcomeOf(result, reader_, status::FormOf(write.object.kind)));
  Pump();
}

}  // namespace k8sgw::sim
