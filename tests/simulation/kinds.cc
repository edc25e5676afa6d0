#include "tests/simulation/kinds.h"

#include <map>

#include "src/status/verdict.h"

namespace k8sgw::sim {

const cluster::WatchedKind* KindOf(Kind kind) {
  static const std::map<Kind, cluster::WatchedKind> kAll = [] {
    std::map<Kind, cluster::WatchedKind> all;
    for (const cluster::WatchedKind& watched : cluster::AllWatchedKinds()) all.emplace(watched.info->kind, watched);
    all.emplace(Kind::kSettings, cluster::WatchedKind{FindKind("Settings")});
    return all;
  }();
  const auto found = kAll.find(kind);
  return found == kAll.end() ? nullptr : &found->second;
}

bool HasStatus(Kind kind) { return !status::ReporterOf(kind).empty(); }

std::string PathOf(const ResourceKey& key) {
  return kube::ObjectPath(KindOf(key.kind)->In(key.ns.str()), key.name.str());
}

}  // namespace k8sgw::sim
