// The control plane of `gloo`, as src/cmd/cluster.cc wires it, on the virtual clock: from the watches of an API server
// to the Envoys, and back to the statuses of its objects. It leads, and knows nothing of an earlier process.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/sources/cluster/cluster_source.h"
#include "src/status/syncer.h"
#include "src/status/verdicts.h"
#include "tests/simulation/fleet.h"
#include "tests/simulation/model_cluster.h"
#include "tests/simulation/oracle.h"

namespace k8sgw::sim {

struct GlooWays {
  int starts = 0;
  int worlds = 0;  // first complete ones
  int early = 0;   // objects that were told before those
  int revisions = 0;
  int drains = 0;
  int reasons = 0;   // verdicts that became others
  int sent = 0;      // writes of statuses
  int late = 0;      // those that reach the server when their process has ended
  int refusals = 0;  // of Envoys, that an object's status says
};

// What a control plane is to say of each object, for as long as somebody wants to know: it survives restarts.
using KnownVerdicts = std::map<std::string, uint64_t>;

class Gloo : public Configurer {
 public:
  // All outlive it.
  Gloo(ModelCluster& cluster, Fleet& fleet, GlooWays& ways, KnownVerdicts& verdicts);
  // As when a process is killed: what it sent may still arrive.
  ~Gloo() override;

  // What came over the watches becomes a revision, and what is due is written.
  void Turn();
  bool complete() const { return source_->complete(); }
  // Parts of tables that drained listeners may use have gone.
  bool drained() const { return !drain_ends_; }
  // Whether the last turn took all that there is.
  bool caught_up() const { return caught_up_; }
  const cluster::ClusterSource& source() const { return *source_; }
  status::Entry VerdictOn(const ResourceKey& key) const { return verdicts_.Of(key); }
  Memory memory() const { return {pipeline_->gateway().memory(), pipeline_->envoy().memory()}; }

  Pipeline& pipeline() override { return *pipeline_; }
  void OnNack(const xds::Nack& nack) override;
  std::map<std::string, xds::Update> UseModule(const std::string& role) override;

  static Pipeline::Options PipelineOptions();

 private:
  Clock::Time Now() { return fleet_.clock().now(); }
  void Observe(const cluster::WatchedKind& kind, const kube::Event& event);
  void Take();
  void Apply(const std::vector<Change>& changes);
  void Check(const Change& change);
  void Begin();
  void TellStatuses();
  void Committed(const std::vector<ResourceKey>& changed);
  void Drain();
  void Pump();
  void Send(const status::Syncer::Write& write);
  void OnAnswer(const status::Syncer::Write& write, const kube::WriteResult& result);

  ModelCluster& cluster_;
  Fleet& fleet_;
  GlooWays& ways_;
  KnownVerdicts& known_verdicts_;
  const std::unique_ptr<Pipeline> pipeline_;
  status::Verdicts verdicts_;
  status::EntryReader reader_{kOwnNamespace};
  status::Syncer syncer_;
  std::optional<cluster::ClusterSource> source_;
  bool caught_up_ = false;
  bool serving_ = false;
  bool poke_ = false;
  std::optional<Clock::Time> drain_ends_;
  Problems problems_;
  std::set<std::string> module_roles_;
  std::map<ResourceKey, std::string> uids_;
  // Observed, and not yet judged.
  std::vector<ResourceKey> unjudged_;
  // Applied, and nobody was told yet.
  std::vector<ResourceKey> applied_;
  // The hashes of what the source told.
  std::map<ResourceKey, uint64_t> told_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace k8sgw::sim
