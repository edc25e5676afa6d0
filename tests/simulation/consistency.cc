#include "tests/simulation/consistency.h"

#include <algorithm>
#include <set>

#include "src/envoy/names.h"
#include "tests/simulation/references.h"

namespace k8sgw::sim {
namespace {

using xds::Type;

// A cluster is named `<name>_<namespace>`, and neither holds an underscore.
UpstreamRef UpstreamOf(const std::string& cluster) {
  const size_t cut = cluster.rfind('_');
  return {cluster.substr(cut + 1), cluster.substr(0, cut)};
}

// Whether some problem speaks of the Upstream behind the cluster, or of the Service.
bool IsExplained(const Problems& problems, const std::string& cluster) {
  const bool of_service = cluster.starts_with("kube-svc:");
  const std::string upstream = of_service ? "Service " : "Upstream " + UpstreamOf(cluster).ToString();
  return std::any_of(problems.begin(), problems.end(),
                     [&](const Problem& problem) { return problem.message.find(upstream) != std::string::npos; });
}

// The references between the resources of one role.
class Check {
 public:
  Check(const Pipeline& pipeline, const std::string& role)
      : pipeline_(pipeline), role_(role), snapshot_(pipeline.ResourcesOf(role)) {}

  std::vector<std::string> Go() {
    std::set<std::string> wanted_tables;
    std::set<std::string> wanted_endpoints;
    ForEach(Type::kListener, [&](const xds::Resource& listener) {
      const References& references = ReferencesOf(listener);
      wanted_tables.insert(references.routes.begin(), references.routes.end());
      Require(listener, Type::kRoute, references.routes);
      Require(listener, Type::kSecret, references.secrets);
      if (!listener.with_module) return;
      const std::set<std::string> tables(listener.with_module->tables.begin(), listener.with_module->tables.end());
      Require(listener, Type::kScope, tables);
    });
    ForEach(Type::kScope, [&](const xds::Resource& scope) {
      const References& references = ReferencesOf(scope);
      wanted_tables.insert(references.routes.begin(), references.routes.end());
      Require(scope, Type::kRoute, references.routes);
    });
    ForEach(Type::kCluster, [&](const xds::Resource& cluster) {
      const References& references = ReferencesOf(cluster);
      if (IsNewest(cluster.name)) Require(cluster, Type::kSecret, references.secrets);
      // Without an answer Envoy would wait for it.
      Require(cluster, Type::kEndpoint, references.endpoints);
      wanted_endpoints.insert(references.endpoints.begin(), references.endpoints.end());
    });
    ForEach(Type::kEndpoint, [&](const xds::Resource& endpoints) {
      if (!wanted_endpoints.contains(endpoints.name)) Complain(endpoints, "are endpoints of no cluster");
    });
    ForEach(Type::kRoute, [&](const xds::Resource& table) {
      if (!wanted_tables.contains(table.name)) Complain(table, "belongs to no listener");
    });
    return std::move(complaints_);
  }

 private:
  template <class Visit>
  void ForEach(Type type, const Visit& visit) {
    for (const auto& [name, resource] : snapshot_[type]) visit(*resource);
  }
  bool Has(Type type, const std::string& name) { return snapshot_[type].contains(name); }
  void Require(const xds::Resource& from, Type type, const std::set<std::string>& names) {
    for (const std::string& name : names) {
      if (!Has(type, name)) Complain(from, "needs " + std::string(xds::TypeUrl(type)) + " " + name);
    }
  }
  // A last good cluster may outlive its Secret.
  bool IsNewest(const std::string& cluster) const {
    const auto translated = pipeline_.envoy().translated_clusters().Get(UpstreamOf(cluster));
    return !translated || translated->accepted;
  }
  void Complain(const xds::Resource& about, const std::string& what) {
    complaints_.push_back(role_ + ": " + about.name + " " + what);
  }
  const Pipeline& pipeline_;
  const std::string role_;
  Snapshot snapshot_;
  std::vector<std::string> complaints_;
};

// What routes lead to, one virtual host after the other.
void CheckVirtualHosts(const Pipeline& pipeline, std::vector<std::string>& complaints) {
  const envoy::Translation& translation = pipeline.envoy();
  translation.served_virtual_hosts().ForEach(
      [&](const proxy::VirtualHostKey& key, const Ptr<envoy::ServedVirtualHost>& served) {
        const auto newest = translation.translated_virtual_hosts().Get(key);
        const bool is_newest = newest && newest->accepted;
        if (!is_newest) {
          const auto assembled = pipeline.gateway().virtual_hosts().Get(key);
          const bool said = (newest && HasErrors(newest->problems)) || (assembled && !assembled->problems.empty());
          if (!said) complaints.push_back(key.ToString() + " is not served as it is now, and nobody says why");
          return;
        }
        for (const std::string& cluster : ClustersOfVirtualHost(*served->host->bytes)) {
          if (translation.clusters().Get(UpstreamOf(cluster))) continue;
          Snapshot snapshot = pipeline.ResourcesOf(envoy::Role(key.listener.proxy));
          // Of a proxy whose listeners are all refused nothing is served.
          const bool served_at_all = !snapshot.empty();
          if (cluster == envoy::kFallbackCluster && (!served_at_all || snapshot[Type::kCluster].contains(cluster))) {
            continue;
          }
          if (!IsExplained(newest->problems, cluster))
            complaints.push_back(key.ToString() + " leads to " + cluster + ", and nobody says so");
        }
      });
}

}  // namespace

std::vector<std::string> BrokenReferences(const Pipeline& pipeline) {
  std::vector<std::string> all;
  for (const std::string& role : pipeline.roles()) {
    for (std::string& complaint : Check(pipeline, role).Go()) all.push_back(std::move(complaint));
  }
  CheckVirtualHosts(pipeline, all);
  return all;
}

}  // namespace k8sgw::sim
