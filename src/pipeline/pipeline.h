// The whole translation behind one face: objects in, resources per proxy and problems out.
//
// Everything runs on the caller's thread. Commit is one revision of the graph; what it changed is handed out as one
// xds::Update per role.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "src/envoy/translation.h"
#include "src/gateway/translation.h"
#include "src/model/wasm_module.h"
#include "src/pipeline/nacks.h"
#include "src/pipeline/problem_table.h"
#include "src/xds/engine.h"

namespace gloo::solo::io {
class Proxy;
}

namespace k8sgw {

struct Inputs;

// The resources of one role by type and name.
using Snapshot = std::map<xds::Type, std::map<std::string, Ptr<xds::Resource>>>;

class Pipeline {
 public:
  using Options = envoy::TranslationOptions;

  explicit Pipeline(Options options);
  ~Pipeline();

  // Stages one change; false for kinds that nothing is translated from.
  bool Stage(const Change& change);
  // The same, and objects of such kinds have a notice that says so.
  void StageAndTell(const Change& change);
  // The same for what is known of an image; nullopt when nobody asks for it any more.
  void StageWasmModule(const std::string& image, const std::optional<WasmModule>& module);
  // Applies what is staged. Returns what changed for each role, new roles with everything.
  std::map<std::string, xds::Update> Commit();

  // --- the state after the last Commit
  std::vector<std::string> roles() const;
  // Everything that the proxies of `role` get.
  Snapshot ResourcesOf(const std::string& role) const;
  Problems problems() const { return problems_.All(); }
  ProblemTable& problem_table() { return problems_; }
  const ProblemTable& problem_table() const { return problems_; }
  // The published Proxy resources, put together anew.
  std::vector<gloov1::Proxy> AssembleProxies() const;

  // An Envoy refused resources: reported on the objects that they came from, until those resources change.
  void ReportNack(const xds::Nack& nack) { nacks_.Report(nack, envoy_); }
  Nacks& nacks() { return nacks_; }

  // --- route tables that are divided for Envoys that have the module; each counts from the next Commit on
  // Into how many parts, as in src/proxy/route_shards.h; before the first Commit. Without, none is.
  void DivideTables(uint32_t shards) { envoy_.DivideTables(shards); }
  // Some Envoy of this role has it.
  void UseModule(const std::string& role);
  // Whether there are parts of tables for connections of listeners that were replaced.
  bool HasOldShards() const { return envoy_.has_old_shards(); }
  // Call it while there are, each time that Envoys have had the time to drain listeners.
  void DrainHasPassed() { envoy_.DrainHasPassed(); }

  // --- insight
  const flow::Graph& graph() const { return graph_; }
  flow::Graph& graph() { return graph_; }
  const Inputs& inputs() const { return *inputs_; }
  const gateway::Translation& gateway() const { return gateway_; }
  gateway::Translation& gateway() { return gateway_; }
  const envoy::Translation& envoy() const { return envoy_; }
  envoy::Translation& envoy() { return envoy_; }

 private:
  // Null when there is none.
  const xds::Resource* Served(const std::string& role, xds::Type type, const std::string& name) const;
  void CollectShared(xds::Update& update);
  // The listeners and route configurations of each role.
  void CollectOwn(std::map<std::string, xds::Update>& updates);
  template <class Key, class Part, class RoleOf, class ResourceOf>
  void CollectOwn(const flow::Collection<Key, Part>& parts, xds::Type type, const RoleOf& role_of,
                  const ResourceOf& resource_of, std::map<Key, std::string>& names);
  // The resource that `role` has under this name from now on; nullptr for none.
  void Set(const std::string& role, xds::Type type, const std::string& name, const Ptr<xds::Resource>& now);
  void CollectProblems();
  void PutShared(const Ptr<xds::Resource>& resource, xds::Update& update);
  void DropShared(xds::Type type, const std::string& name, xds::Update& update);

  friend class Speculation;
  // The problems of every part of the graph that changed in its last run: (source, part, problems, role).
  using TakePart =
      std::function<void(const std::string& source, std::string part, const Problems& problems, const Name& role)>;
  void ForEachChangedPart(const TakePart& take) const;

  const Options options_;
  flow::Graph graph_;
  std::unique_ptr<Inputs> inputs_;
  gateway::Translation gateway_;
  envoy::Translation envoy_;
  ProblemTable problems_;
  // Resources that every proxy gets, and those of each role.
  Snapshot shared_;
  std::map<std::string, Snapshot> own_;
  // What this commit has touched of `own_`, and what was there before.
  std::map<std::tuple<std::string, xds::Type, std::string>, Ptr<xds::Resource>> before_;
  // The name under which each part is served now, to take it back when it changes.
  std::map<proxy::ListenerKey, std::string> listener_names_;
  std::map<envoy::RouteConfigKey, std::string> route_config_names_;
  std::map<envoy::ShardKey, std::string> shard_names_;
  std::map<envoy::ShardKey, std::string> scope_names_;
  Nacks nacks_{problems_, [this](const std::string& role, xds::Type type, const std::string& name) {
                 return Served(role, type, name);
               }};
};

}  // namespace k8sgw
