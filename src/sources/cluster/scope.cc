#include "src/sources/cluster/scope.h"

#include <algorithm>
#include <utility>

#include "src/sources/cluster/object_store.h"

namespace k8sgw::cluster {

Scope::Scope(const kube::Follow& follow, std::string ns, const std::vector<WatchedKind>& kinds,
             const kube::ReflectorOptions& options, Consumer consumer)
    : ns_(std::move(ns)), consumer_(std::move(consumer)) {
  for (const WatchedKind& kind : kinds) {
    Followed* followed = followed_.emplace_back(std::make_unique<Followed>()).get();
    followed->kind = &kind;
    kube::ReflectorOptions own = options;
    own.field_selector = kind.field_selector;
    own.metadata_alone = kind.metadata_alone;
    // See DecodedOf in cluster_source.cc.
    own.prepare = [&kind](const kube::RawObject& object) {
      return std::make_shared<const DecodedDocument>(ObjectStore::Decode(*kind.info, object.json));
    };
    const kube::Watch::Consumer told{
        [this, followed](const kube::Batch& batch) { consumer_.on_batch(*followed->kind, batch); },
        [this, followed](const kube::Health& health) {
          if (health.synced || health.phase == kube::Health::Phase::kAbsent) followed->settled = true;
          consumer_.on_health(*followed->kind, health);
        }};
    followed->watch = follow(kind.In(ns_), std::move(own), told);
  }
}

bool Scope::complete() const {
  return std::all_of(followed_.begin(), followed_.end(), [](const auto& followed) { return followed->settled; });
}

bool Scope::complete_alone() const {
  return std::all_of(followed_.begin(), followed_.end(), [](const auto& followed) {
    return followed->settled || !IsTranslatedAlone(followed->kind->info->kind);
  });
}

std::vector<std::string> Scope::awaited() const {
  std::vector<std::string> out;
  for (const auto& followed : followed_) {
    if (!followed->settled) out.emplace_back(followed->kind->info->plural);
  }
  return out;
}

void Scope::Poke() {
  for (const auto& followed : followed_) followed->watch->Poke();
}

}  // namespace k8sgw::cluster
