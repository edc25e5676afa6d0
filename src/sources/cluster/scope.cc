#include "src/sources/cluster/scope.h"

#include <algorithm>
#include <set>
#include <utility>

#include "src/sources/cluster/object_store.h"

namespace k8sgw::cluster {

Scope::Scope(const kube::Follow& follow, std::string name, std::string ns, const std::vector<WatchedKind>& kinds,
             const kube::ReflectorOptions& options, const WaitsFor& waits_for, Consumer consumer)
    : name_(std::move(name)), ns_(std::move(ns)), follow_(follow), options_(options), consumer_(std::move(consumer)) {
  for (const WatchedKind& kind : kinds) {
    Followed& followed = *followed_.emplace_back(std::make_unique<Followed>());
    followed.kind = &kind;
    followed.waits = waits_for(kind);
    Follow(followed);
  }
}

void Scope::Follow(Followed& followed) {
  const WatchedKind& kind = *followed.kind;
  kube::ReflectorOptions own = options_;
  own.field_selector = kind.field_selector;
  own.metadata_alone = kind.metadata_alone;
  // See DecodedOf in cluster_source.cc.
  own.prepare = [&kind](const kube::RawObject& object) {
    return std::make_shared<const DecodedDocument>(ObjectStore::Decode(*kind.info, object));
  };
  const kube::Watch::Consumer told{[this, &followed](const kube::Batch& batch) {
                                     const bool first = batch.sync && !followed.heard;
                                     followed.heard = followed.heard || batch.sync;
                                     consumer_.on_batch(*this, *followed.kind, batch, first);
                                   },
                                   [this, &followed](const kube::Health& health) { OnHealth(followed, health); }};
  followed.watch = follow_(kind.In(ns_), std::move(own), told);
}

void Scope::BeginAnew(Kind kind) {
  for (const auto& followed : followed_) {
    if (followed->kind->info->kind != kind) continue;
    followed->watch.reset();
    followed->heard = false;
    Follow(*followed);
  }
}

void Scope::OnHealth(Followed& followed, const kube::Health& health) {
  const bool absent = health.phase == kube::Health::Phase::kAbsent;
  followed.refused = absent || absl::IsPermissionDenied(health.error) || absl::IsNotFound(health.error);
  if (health.synced || absent || (followed.refused && !followed.waits)) followed.settled = true;
  if (!retired_) consumer_.on_health(*followed.kind, health);
}

const Scope::Followed* Scope::Find(Kind kind) const {
  const auto found = std::ranges::find_if(followed_, [&](const auto& one) { return one->kind->info->kind == kind; });
  return found == followed_.end() ? nullptr : found->get();
}

bool Scope::heard(Kind kind) const {
  const Followed* followed = Find(kind);
  return !followed || followed->heard;
}

const std::string& Scope::version(Kind kind) const {
  static const std::string kNone;
  const Followed* followed = Find(kind);
  return followed ? followed->watch->version() : kNone;
}

bool Scope::refused(Kind kind) const {
  const Followed* followed = Find(kind);
  return !followed || followed->refused;
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

void Scope::Retire() {
  if (std::exchange(retired_, true)) return;
  for (const auto& followed : followed_) consumer_.on_dropped(*followed->kind);
}

bool Scope::KeepOnly(const std::function<bool(Kind kind)>& which) {
  // It may ask this scope, so it is asked before anything changes.
  std::set<Kind> kept;
  for (const auto& followed : followed_) {
    if (const Kind kind = followed->kind->info->kind; which(kind)) kept.insert(kind);
  }
  std::erase_if(followed_, [&](const auto& followed) { return !kept.contains(followed->kind->info->kind); });
  return !followed_.empty();
}

void Scope::Poke() {
  for (const auto& followed : followed_) followed->watch->Poke();
}

}  // namespace k8sgw::cluster
