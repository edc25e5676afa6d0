// What a fake Envoy looks at: that what it is sent keeps the promises, and that it has everything in the end.
#include <algorithm>

#include "tests/simulation/fake_envoy.h"
#include "tests/simulation/references.h"

namespace k8sgw::sim {

using xds::Type;

namespace {

bool Uses(const xds::Resource& listener, const std::string& table) {
  return std::find(listener.tables.begin(), listener.tables.end(), table) != listener.tables.end();
}

}  // namespace

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
  for (const std::string& name : response.removed) CheckGonePart(response.type, name);
}

// Envoy answers 404 for all hosts of a part that is not there.
void FakeEnvoy::CheckGonePart(Type type, const std::string& name) {
  if ((type != Type::kScope && type != Type::kRoute) || !held_[type].contains(name)) return;
  for (const auto& [key, listener] : held_[Type::kListener]) {
    if (Uses(*listener, name)) complain_(name + " went, and " + key + " uses it");
  }
  for (const auto& [listener, until] : drained_) {
    if (Uses(*listener, name) && clock_.now() < until) complain_(name + " went while connections drained");
  }
}

void FakeEnvoy::NoteReplaced(const Held& before) {
  // The parts of so many at once.
  constexpr size_t kMost = 4;
  const Held& held = held_[Type::kListener];
  for (const auto& [name, listener] : before) {
    const auto now = held.find(name);
    if (now != held.end() && now->second == listener) continue;
    brought_.erase(name);
    if (listener->tables.empty()) continue;
    if (now != held.end() && now->second->tables == listener->tables) continue;
    drained_.emplace_back(listener, clock_.now() + kEnvoyDrain);
  }
  if (drained_.size() > kMost) drained_.erase(drained_.begin(), drained_.end() - kMost);
}

// One that has scopes finds those of a new listener ready at once, and their tables must be there as well. Until the
// first scopes have come, new listeners wait for them by themselves.
void FakeEnvoy::CheckTables(const xds::Response& response, const Held& before) {
  const Held tables = snapshot_()[Type::kRoute];
  for (const auto& listener : response.resources) {
    if (refused_.contains({Type::kListener, listener->name})) continue;
    const auto old = before.find(listener->name);
    if (old != before.end() && old->second->tables.empty()) {
      for (const std::string& table : listener->plain_tables) {
        const auto refused = refused_.find({Type::kRoute, table});
        const auto newest = tables.find(table);
        if (refused != refused_.end() && newest != tables.end() && newest->second->version == refused->second &&
            held_[Type::kRoute].contains(table))
          complain_(listener->name + " was divided, and " + table + " is refused");
      }
    }
    if (held_[Type::kScope].empty()) continue;
    for (const std::string& table : listener->tables) {
      if (held_[Type::kRoute].contains(table) || refused_.contains({Type::kScope, table})) continue;
      if (refused_.contains({Type::kRoute, table})) {
        if (old == before.end() || old->second->tables.empty()) continue;
        if (!Uses(*old->second, table)) complain_(listener->name + " came, and " + table + " is refused");
      } else if (tables.contains(table)) {
        complain_(listener->name + " came before " + table);
      }
    }
  }
}

// A listener waits for parts that are refused, and its table stays whole while that is.
bool FakeEnvoy::MayLag(Type type, const Ptr<xds::Resource>& newest) const {
  if (type != Type::kListener) return false;
  const auto is_refused = [&](const std::string& table) { return refused_.contains({Type::kRoute, table}); };
  const auto declined = declined_.find(newest->name);
  return (declined != declined_.end() && declined->second == newest->version) ||
         std::any_of(newest->tables.begin(), newest->tables.end(), is_refused) ||
         std::any_of(newest->plain_tables.begin(), newest->plain_tables.end(), is_refused);
}

// What a listener uses that it has stays; of one that came over an earlier connection nobody knows what that is.
bool FakeEnvoy::MayKeep(Type type, const std::string& name, const Held& listeners) const {
  if (refused_.contains({type, name})) return true;
  if (type != Type::kScope && type != Type::kRoute) return false;
  return std::any_of(held_.at(Type::kListener).begin(), held_.at(Type::kListener).end(), [&](const auto& entry) {
    const auto newest = listeners.find(entry.first);
    if (newest != listeners.end() && newest->second->version == entry.second->version) return false;
    return brought_.contains(entry.first) || Uses(*entry.second, name);
  });
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
    // A part that only this client may still use; it stays as it is.
    if (routes->only_with_module && !snapshot_()[Type::kRoute].contains(table)) continue;
    if (ReferencesOf(*routes).clusters.contains(name)) complain_(name + " went before the routes of " + table);
  }
}

void FakeEnvoy::CheckHolds(const Snapshot& snapshot) {
  for (const std::string& name : warming_) complain_("was never told the endpoints of " + name);
  const auto all_listeners = snapshot.find(Type::kListener);
  const Held listeners = all_listeners == snapshot.end() ? Held() : all_listeners->second;
  for (const auto& [type, asked] : asked_) {
    if (type == Type::kScope && !scoped_) continue;
    const bool by_name = IsByName(type);
    const auto found = snapshot.find(type);
    const Held wanted = found == snapshot.end() ? Held() : found->second;
    const std::string what = std::string(xds::TypeUrl(type)) + " ";
    for (const auto& [name, resource] : wanted) {
      if ((by_name && !asked.contains(name)) || refused_.contains({type, name})) continue;
      if (MayLag(type, resource)) continue;
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
      if (!wanted.contains(name) && !MayKeep(type, name, listeners)) complain_("still has " + what + name);
    }
  }
}

}  // namespace k8sgw::sim
