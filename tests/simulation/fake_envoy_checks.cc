// What a fake Envoy looks at: that what it is sent keeps the promises, and that it has everything in the end.
#include <algorithm>

#include "tests/simulation/fake_envoy.h"
#include "tests/simulation/references.h"

namespace k8sgw::sim {

using xds::Type;

void FakeEnvoy::CheckResponse(const xds::Response& response) {
  for (const auto& resource : response.resources) {
    const auto refused = refused_.find({response.type, resource->name});
    if (refused != refused_.end() && refused->second == resource->version && !fresh_.contains(refused->first) &&
        (traits_.delta || life_ == 1)) {
      complain_("refused and sent again: " + resource->name);
    }
    const auto held = held_[response.type].find(resource->name);
    if (traits_.delta && held != held_[response.type].end() && held->second->version == resource->version &&
        !fresh_.contains({response.type, resource->name})) {
      complain_("unchanged and sent again: " + resource->name);
    }
  }
}

// One that has scopes finds those of a new listener ready at once, and their tables must be there as well. Until the
// first scopes have come, new listeners wait for them by themselves.
void FakeEnvoy::CheckTables(const xds::Response& response) {
  if (held_[Type::kScope].empty()) return;
  for (const auto& listener : response.resources) {
    for (const std::string& table : listener->tables) {
      if (held_[Type::kRoute].contains(table) || refused_.contains({Type::kRoute, table}) ||
          refused_.contains({Type::kScope, table}))
        continue;
      if (snapshot_()[Type::kRoute].contains(table)) complain_(listener->name + " came before " + table);
    }
  }
}

void FakeEnvoy::CheckNewRoutes(const Mail& mail) {
  for (const auto& routes : mail.response.resources) {
    for (const std::string& cluster : ReferencesOf(*routes).clusters) {
      // A cluster that it refused itself is nobody else's fault.
      if (!mail.existing.contains(cluster) || refused_.contains({Type::kCluster, cluster})) continue;
      if (!held_[Type::kCluster].contains(cluster)) complain_("routes of " + routes->name + " came before " + cluster);
      if (warming_.contains(cluster) && !warm_.contains(cluster)) {
        complain_("routes of " + routes->name + " came before the endpoints of " + cluster);
      }
    }
  }
}

void FakeEnvoy::CheckGoneCluster(const std::string& name, const Mail& mail) {
  if (mail.used.contains(name)) return;
  // A client that refused a listener stays with routes that nobody else has.
  for (const auto& [key, version] : refused_) {
    if (key.first == Type::kListener) return;
  }
  for (const auto& [table, routes] : held_[Type::kRoute]) {
    // Routes of an earlier connection are unknown to the server when it answers for clusters, which are asked for
    // first.
    if (!confirmed_.contains(table)) continue;
    if (refused_.contains({Type::kRoute, table})) continue;
    if (ReferencesOf(*routes).clusters.contains(name)) complain_(name + " went before the routes of " + table);
  }
}

void FakeEnvoy::CheckHolds(const Snapshot& snapshot) {
  for (const std::string& name : warming_) complain_("was never told the endpoints of " + name);
  for (const auto& [type, asked] : asked_) {
    if (type == Type::kScope && !scoped_) continue;
    const bool by_name = IsByName(type);
    const auto found = snapshot.find(type);
    const Held wanted = found == snapshot.end() ? Held() : found->second;
    const std::string what = std::string(xds::TypeUrl(type)) + " ";
    for (const auto& [name, resource] : wanted) {
      if ((by_name && !asked.contains(name)) || refused_.contains({type, name})) continue;
      const auto declined = declined_.find(name);
      if (type == Type::kListener && declined != declined_.end() && declined->second == resource->version) continue;
      const auto held = held_[type].find(name);
      if (held == held_[type].end()) {
        complain_("lacks " + what + name);
      } else if (held->second->version != resource->version) {
        complain_("has an old " + what + name);
      }
    }
    // Without delta nobody is told that something asked for by name is gone.
    if (by_name && !traits_.delta) continue;
    for (const auto& [name, resource] : held_[type]) {
      if (!wanted.contains(name) && !refused_.contains({type, name})) complain_("still has " + what + name);
    }
  }
}

}  // namespace k8sgw::sim
