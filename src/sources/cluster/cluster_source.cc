#include "src/sources/cluster/cluster_source.h"

#include <algorithm>
#include <set>
#include <utility>

#include "api/gloo/v1/settings.proto.h"
#include "src/json/tree.h"
#include "src/model/unread.h"

namespace k8sgw::cluster {
namespace {

struct NameAndLabels {
  std::string name;
  Labels labels;
};

NameAndLabels ReadMetadata(std::string_view json) {
  NameAndLabels out;
  const absl::StatusOr<yaml::Node> object = yaml::FromJson(json);
  const yaml::Node* metadata = object.ok() ? object->Find("metadata") : nullptr;
  if (!metadata) return out;
  out.name = metadata->FindScalar("name");
  const yaml::Node* map = metadata->Find("labels");
  if (!map) return out;
  for (const auto& entry : map->entries) out.labels[entry.key] = entry.value.scalar;
  return out;
}

// So often the watches of the next policy may be found behind: where very much happens they might be for ever.
constexpr int kMostWaits = 1000;

// No namespace has this name.
constexpr char kOfCluster[] = "/";

// The scopes that a policy needs.
std::set<std::string> ScopesOf(const NamespacePolicy& policy) {
  std::set<std::string> names = policy.named;
  if (names.empty()) names.insert("");
  names.insert(kOfCluster);
  return names;
}

// nullptr for an object that is gone. Of those of a list, Scope has had it made while the list was coming.
std::shared_ptr<const DecodedDocument> DecodedOf(const WatchedKind& kind, const kube::Event& event) {
  if (event.kind == kube::Event::Kind::kDelete) return nullptr;
  if (event.prepared) return std::static_pointer_cast<const DecodedDocument>(event.prepared);
  return std::make_shared<const DecodedDocument>(ObjectStore::Decode(*kind.info, event.object));
}

bool IsSettled(const kube::Health& health) { return health.synced || health.phase == kube::Health::Phase::kAbsent; }

std::vector<ResourceKey> AllKeys(const ObjectStore& store) {
  return store.Keys([](const ResourceKey&) { return true; });
}

// The one that has objects of a namespace; nullptr when they are not followed.
const Scope* FindScope(const std::map<std::string, std::unique_ptr<Scope>>& scopes, const std::string& ns) {
  const auto is = [&](const std::string& name) { return scopes.find(name); };
  auto found = is(ns.empty() ? kOfCluster : ns);
  if (found == scopes.end() && !ns.empty()) found = is("");
  return found == scopes.end() ? nullptr : found->second.get();
}

// Whether the scope of that name has objects of the namespace.
bool Covers(const std::string& scope, const std::string& ns) {
  return ns.empty() ? scope == kOfCluster : scope.empty() || scope == ns;
}
// Of scopes in namespaces.
bool Overlap(const std::string& a, const std::string& b) { return a == b || a.empty() || b.empty(); }

}  // namespace

ClusterSource::ClusterSource(kube::Follow follow, Options options, Consumer consumer)
    : follow_(std::move(follow)),
      options_(std::move(options)),
      consumer_(std::move(consumer)),
      settings_kind_{FindKind("Settings")},
      policy_(NamespacePolicy::Read({}, options_.ns)) {
  for (const WatchedKind& kind : AllWatchedKinds(options_.registry_secrets)) {
    if (options_.follows && !options_.follows(kind.info->kind)) continue;
    (kind.info->of_cluster ? cluster_kinds_ : kinds_).push_back(kind);
  }
  options_.reflector.absent_after = options_.grace;
  options_.reflector.history = std::make_shared<kube::History>();
  kube::ReflectorOptions metadata = options_.reflector;
  metadata.metadata_alone = true;  // for the labels
  namespaces_watch_ = follow_(NamespacesKind().In(""), std::move(metadata),
                              kube::Watch::Consumer{[this](const kube::Batch& batch) { OnNamespaces(batch); },
                                                    [this](const kube::Health& health) {
                                                      namespaces_known_ = namespaces_known_ || IsSettled(health);
                                                      consumer_.on_health(NamespacesKind(), "", health);
                                                    }});
  settings_watch_ = follow_(settings_kind_.In(options_.ns), options_.reflector,
                            kube::Watch::Consumer{[this](const kube::Batch& batch) { OnSettings(batch); },
                                                  [this](const kube::Health& health) {
                                                    settings_heard_ = settings_heard_ || health.synced;
                                                    if (IsSettled(health) && !settings_known_) Begin(health.synced);
                                                    consumer_.on_health(settings_kind_, options_.ns, health);
                                                  }});
}

ClusterSource::~ClusterSource() = default;

void ClusterSource::OnSettings(const kube::Batch& batch) {
  for (const kube::Event& event : batch.events) {
    consumer_.on_event(settings_kind_, event);
    if (event.object.meta.name != options_.settings_name) continue;
    if (event.kind == kube::Event::Kind::kDelete) {
      // They stay in force; what was wrong with newer ones is gone.
      if (next_) next_->store.Forgive(SettingsKey());
      store_.Forgive(SettingsKey());
      continue;
    }
    settings_known_ = true;
    std::vector<Change> unused;
    const DecodedDocument settings = ObjectStore::Decode(*settings_kind_.info, event.object);
    if (next_) next_->store.Put(settings, unused);
    store_.Put(settings, changes_);
  }
  if (settings_known_) Follow();
}

void ClusterSource::Begin(bool heard) {
  settings_known_ = true;
  if (heard) {
    // Only recalled ones can be there, and they are no more.
    store_.Remove(SettingsKey(), changes_);
    settings_.reset();
  }
  Follow();
}

NamespacePolicy ClusterSource::ReadPolicy() {
  static const gloov1::Settings kNone;
  const Change now = store_.Current(SettingsKey());
  if (!now.gone()) settings_ = now.As<gloov1::Settings>();
  return NamespacePolicy::Read(settings_ ? settings_->spec : kNone, options_.ns);
}

void ClusterSource::OnNamespaces(const kube::Batch& batch) {
  // The first batch says all; before, only recalled ones were known.
  if (!std::exchange(namespaces_heard_, true)) namespaces_.clear();
  namespaces_known_ = true;
  for (const kube::Event& event : batch.events) {
    consumer_.on_event(NamespacesKind(), event);
    const std::string& name = event.object.meta.name;
    if (event.kind == kube::Event::Kind::kDelete) {
      namespaces_.erase(name);
    } else {
      namespaces_[name] = ReadMetadata(event.object.json).labels;
    }
  }
  namespaces_changed_ = true;
}

void ClusterSource::OnBatch(const Scope& from, const WatchedKind& kind, const kube::Batch& batch, bool first) {
  const auto is_among = [&](const Scopes& scopes) {
    const auto found = scopes.find(from.name());
    return found != scopes.end() && found->second.get() == &from;
  };
  const bool stands_in = std::ranges::any_of(stand_ins_, [&](const auto& scope) { return scope.get() == &from; });
  const bool in_force = stands_in || is_among(scopes_);
  const std::set<std::string> next = next_ ? ScopesOf(next_->policy) : std::set<std::string>();
  std::vector<Change> unused;
  for (const kube::Event& event : batch.events) {
    const Scope* owner = stands_in ? FindScope(scopes_, event.object.meta.namespace_) : &from;
    // What it tells may be older than what the one in its place has told.
    if (stands_in && (!owner || owner->heard(kind.info->kind))) continue;
    const bool in_next = next_ && (in_force ? next.contains(owner->name()) : is_among(next_->scopes));
    if (!IsOld(kind, event)) consumer_.on_event(kind, event);
    const std::shared_ptr<const DecodedDocument> object = DecodedOf(kind, event);
    const auto tell = [&](ObjectStore& store, std::vector<Change>& changes) {
      if (object) return store.Put(*object, changes);
      store.Remove({kind.info->kind, event.object.meta.namespace_, event.object.meta.name}, changes);
    };
    if (in_force && !in_next) NoteTold(from, kind, event);
    if (in_force) tell(store_, changes_);
    if (in_next) tell(next_->store, unused);
    unused.clear();
  }
  if (first && in_force && !stands_in) RemoveOthers(from, kind, batch, next.contains(from.name()));
}

bool ClusterSource::IsOld(const WatchedKind& kind, const kube::Event& event) {
  const std::string& version = event.object.meta.resource_version;
  // Before the first world there is one watch of each.
  if (!next_ || !complete_ || version.empty()) return false;
  // A server that was restored from a backup begins anew.
  if (const int turn = options_.reflector.history->turn(); std::exchange(next_->turn, turn) != turn)
    next_->versions.clear();
  std::string& newest = next_->versions[{kind.info->kind, event.object.meta.namespace_, event.object.meta.name}];
  if (!newest.empty() && kube::IsOlder(version, newest)) return true;
  newest = version;
  return false;
}

void ClusterSource::NoteTold(const Scope& from, const WatchedKind& kind, const kube::Event& event) {
  const Scope* to = next_ ? FindScope(next_->scopes, event.object.meta.namespace_) : nullptr;
  if (!to) return;
  const ResourceKey key{kind.info->kind, event.object.meta.namespace_, event.object.meta.name};
  next_->gone.erase(key);
  if (const std::string& version = event.object.meta.resource_version; !version.empty()) {
    std::string& last = next_->told[{from.name(), to->name(), key.kind}];
    // A list tells them in another order than they were made.
    if (last.empty() || kube::IsOlder(last, version)) last = version;
  } else if (event.kind == kube::Event::Kind::kDelete) {
    next_->gone.insert(key);
  }
}

void ClusterSource::RemoveOthers(const Scope& from, const WatchedKind& kind, const kube::Batch& batch, bool in_next) {
  std::set<ResourceKey> there;
  for (const kube::Event& event : batch.events) {
    if (event.kind == kube::Event::Kind::kDelete) continue;
    there.insert({kind.info->kind, event.object.meta.namespace_, event.object.meta.name});
  }
  std::vector<Change> unused;
  const auto is_other = [&](const ResourceKey& key) {
    return key.kind == kind.info->kind && Covers(from.name(), key.ns.str()) && !there.contains(key);
  };
  for (const ResourceKey& key : store_.Keys(is_other)) {
    TellGone(kind, key);
    store_.Remove(key, changes_);
    if (in_next) {
      next_->store.Remove(key, unused);
    } else if (next_) {
      next_->gone.insert(key);
    }
  }
}

void ClusterSource::TellGone(const WatchedKind& kind, const ResourceKey& key) {
  kube::Event gone{kube::Event::Kind::kDelete, {}};
  gone.object.meta.namespace_ = key.ns.str();
  gone.object.meta.name = key.name.str();
  consumer_.on_event(kind, gone);
}

void ClusterSource::TellGone(const std::vector<ResourceKey>& observed) {
  const std::vector<ResourceKey> now = AllKeys(store_);
  const std::set<ResourceKey> there(now.begin(), now.end());
  for (const ResourceKey& key : observed) {
    for (const std::vector<WatchedKind>* kinds : {&kinds_, &cluster_kinds_}) {
      const auto kind = std::ranges::find(*kinds, key.kind, [](const WatchedKind& one) { return one.info->kind; });
      if (kind != kinds->end() && !there.contains(key)) TellGone(*kind, key);
    }
  }
}

void ClusterSource::Follow() {
  NamespacePolicy policy = ReadPolicy();
  if (next_ && policy == next_->policy) return;
  DropNext();
  if (complete_ && policy == policy_) return;
  const std::set<std::string> names = ScopesOf(policy);
  ObjectStore stays = store_.Part([&](const ResourceKey& key) {
    if (key.kind == Kind::kSettings) return true;
    const std::string& scope = key.ns.empty() ? kOfCluster : scopes_.contains("") ? std::string() : key.ns.str();
    return scopes_.contains(scope) && names.contains(scope);
  });
  next_.emplace(Next{std::move(policy), std::move(stays), {}});
  for (const std::string& name : names) {
    if (!scopes_.contains(name)) next_->scopes[name] = FollowIn(name);
  }
}

std::unique_ptr<Scope> ClusterSource::FollowIn(const std::string& scope) {
  const bool of_cluster = scope == kOfCluster;
  const std::string ns = of_cluster ? "" : scope;
  return std::make_unique<Scope>(
      follow_, scope, ns, of_cluster ? cluster_kinds_ : kinds_, options_.reflector,
      [&](const WatchedKind& kind) { return (!of_cluster && IsRead(kind.info->kind)) || HasAny(kind, scope); },
      Scope::Consumer{
          [this](const Scope& from, const WatchedKind& kind, const kube::Batch& batch, bool first) {
            OnBatch(from, kind, batch, first);
          },
          [this, ns](const WatchedKind& kind, const kube::Health& health) { consumer_.on_health(kind, ns, health); },
          [this, ns](const WatchedKind& kind) { consumer_.on_dropped(kind, ns); }});
}

bool ClusterSource::HasAny(const WatchedKind& kind, const std::string& scope) const {
  return !store_
              .Keys([&](const ResourceKey& key) { return key.kind == kind.info->kind && Covers(scope, key.ns.str()); })
              .empty();
}

void ClusterSource::DropNext() {
  if (!next_) return;
  for (const auto& [name, scope] : next_->scopes) scope->Retire();
  // Who follows them next tells those that are there then.
  TellGone(AllKeys(next_->store));
  next_.reset();
}

void ClusterSource::Settle() {
  const auto counts = [this](const Name& ns) { return Counts(ns.str()); };
  if (complete_ && std::exchange(namespaces_changed_, false)) store_.SetNamespaces(counts, changes_);
  if (!stand_ins_.empty()) ReleaseStandIns();
  if (!next_ || !IsNextComplete()) return;
  if (next_->waits < kMostWaits && !IsNextCurrent()) {
    if (next_->waits++ > 0) return;
    for (const auto& [name, scope] : next_->scopes) scope->Poke();
    return;
  }
  KeepWhatNextMissed();
  policy_ = std::move(next_->policy);
  std::vector<Change> unused;
  const std::vector<ResourceKey> before = AllKeys(store_);
  next_->store.SetNamespaces(counts, unused);
  next_->store.Adopt(store_, [&](const ResourceKey& key) {
    const Scope* scope = FindScope(next_->scopes, key.ns.str());
    return scope && !scope->heard(key.kind);
  });
  next_->store.Succeed(std::exchange(store_, ObjectStore()), changes_);
  store_ = std::move(next_->store);
  // They went while the watches of now began, or nobody follows them any more: no watch says so.
  TellGone(before);
  const std::set<std::string> names = ScopesOf(policy_);
  for (auto& [name, scope] : std::exchange(scopes_, std::move(next_->scopes))) {
    if (names.contains(name)) {
      scopes_.emplace(name, std::move(scope));
    } else {
      scope->Retire();
      stand_ins_.push_back(std::move(scope));
    }
  }
  next_.reset();
  ReleaseStandIns();
  complete_ = true;
  // The lists are there: now the watches.
  Poke();
}

bool ClusterSource::IsNextComplete() const {
  // Labels may leave out namespaces, so without them too much would be told.
  if (!next_->policy.selectors.empty() && !namespaces_known_) return false;
  return std::ranges::all_of(next_->scopes, [](const auto& scope) { return scope.second->complete(); });
}

bool ClusterSource::IsNextCurrent() const {
  const auto is_there = [this](const ResourceKey& key) {
    const Scope* to = FindScope(next_->scopes, key.ns.str());
    return to && !to->refused(key.kind) && next_->store.Has(key);
  };
  if (std::ranges::any_of(next_->gone, is_there)) return false;
  return std::ranges::all_of(next_->told, [this](const auto& entry) {
    const auto& [told, version] = entry;
    const Scope& to = *next_->scopes.at(told.to);
    const std::string& is = to.version(told.kind);
    if (to.refused(told.kind)) return true;
    // On a server that was restored from a backup all versions are older; one that is not heard any more may not know.
    const auto by = scopes_.find(told.by);
    if (by == scopes_.end() || by->second->refused(told.kind)) return true;
    const bool restored = kube::IsOlder(by->second->version(told.kind), version);
    return !is.empty() && !kube::IsOlder(is, restored ? by->second->version(told.kind) : version);
  });
}

void ClusterSource::KeepWhatNextMissed() {
  // By scope: what others were told that these do not know.
  std::set<std::pair<std::string, Kind>> missed;
  for (const auto& [told, version] : next_->told) missed.emplace(told.to, told.kind);
  for (const ResourceKey& key : next_->gone) {
    if (const Scope* to = FindScope(next_->scopes, key.ns.str())) missed.emplace(to->name(), key.kind);
  }
  std::vector<Change> unused;
  for (const auto& [name, kind] : missed) {
    Scope& to = *next_->scopes.at(name);
    if (!to.refused(kind) || !to.heard(kind)) continue;
    const std::vector<ResourceKey> keys = next_->store.Keys([&, of = kind](const ResourceKey& key) {
      return key.kind == of && Covers(to.name(), key.ns.str()) && FindScope(scopes_, key.ns.str());
    });
    for (const ResourceKey& key : keys) next_->store.Remove(key, unused);
    TellGone(keys);
    to.BeginAnew(kind);
  }
}

void ClusterSource::ReleaseStandIns() {
  std::erase_if(stand_ins_, [&](const std::unique_ptr<Scope>& old) {
    return !old->KeepOnly([&](Kind kind) {
      return old->heard(kind) && std::ranges::any_of(scopes_, [&](const auto& scope) {
               return Overlap(scope.first, old->name()) && !scope.second->heard(kind);
             });
    });
  });
}

bool ClusterSource::IsHeard(std::string_view api_version, std::string_view plural, const std::string& ns) const {
  const auto is = [&](const WatchedKind& kind) {
    return kind.info->api_version == api_version && kind.info->plural == plural;
  };
  if (is(NamespacesKind())) return namespaces_heard_;
  if (is(settings_kind_)) return settings_heard_;
  const Scope* scope = FindScope(scopes_, ns);
  const std::vector<WatchedKind>& kinds = ns.empty() ? cluster_kinds_ : kinds_;
  const auto kind = std::find_if(kinds.begin(), kinds.end(), is);
  return !scope || kind == kinds.end() || scope->heard(kind->info->kind);
}

void ClusterSource::Recall(std::string_view api_version, std::string_view plural, std::string_view json) {
  recalled_ = true;
  const auto is = [&](const WatchedKind& kind) {
    return kind.info->api_version == api_version && kind.info->plural == plural;
  };
  if (is(NamespacesKind())) {
    NameAndLabels one = ReadMetadata(json);
    namespaces_[one.name] = std::move(one.labels);
  } else if (is(settings_kind_)) {
    if (ReadMetadata(json).name == options_.settings_name)
      store_.Put(ObjectStore::Decode(*settings_kind_.info, json), changes_);
  } else {
    for (const std::vector<WatchedKind>* kinds : {&kinds_, &cluster_kinds_}) {
      const auto kind = std::find_if(kinds->begin(), kinds->end(), is);
      if (kind != kinds->end()) store_.Put(ObjectStore::Decode(*kind->info, json), changes_);
    }
  }
}

std::vector<Change> ClusterSource::TakeRecalled() {
  policy_ = ReadPolicy();
  store_.SetNamespaces([this](const Name& ns) { return Counts(ns.str()); }, changes_);
  changes_.clear();
  return store_.All();
}

bool ClusterSource::IsAloneComplete() const {
  return next_ && (next_->policy.selectors.empty() || namespaces_known_) &&
         std::ranges::all_of(next_->scopes, [](const auto& scope) { return scope.second->complete_alone(); });
}

std::vector<Change> ClusterSource::TakeEarly() {
  // What was recalled is translated already, and is the last good version of what comes.
  if (complete_ || early_ || recalled_ || !IsAloneComplete()) return {};
  early_.emplace();
  std::vector<Change> early;
  for (Change& change : next_->store.All()) {
    const std::string ns = change.key.ns.str();
    const bool counts = ns.empty() || next_->policy.Counts(ns, LabelsOf(ns));
    if (!counts || !IsTranslatedAlone(change.key.kind)) continue;
    early_->push_back(change);
    early.push_back(std::move(change));
  }
  return early;
}

std::optional<std::vector<Change>> ClusterSource::Take() {
  const bool was_complete = complete_;
  Settle();
  if (complete_ && early_) {
    for (const Change& told : *early_) {
      // Broken meanwhile, and the store that had it good may be another: Settings were changed.
      store_.OfferLastGood(told, changes_);
      if (Change now = store_.Current(told.key); now.gone()) changes_.push_back(std::move(now));
    }
    early_.reset();
  }
  if (!complete_) return std::nullopt;
  const bool problems_changed = store_.TakeProblemsChanged();
  if (changes_.empty() && !problems_changed && was_complete) return std::nullopt;
  return std::exchange(changes_, {});
}

std::vector<std::string> ClusterSource::awaited() const {
  if (!settings_known_) return {"settings"};
  std::vector<std::string> out;
  if (!next_) return out;
  for (const auto& [name, scope] : next_->scopes) {
    for (const std::string& kind : scope->awaited()) out.push_back(scope->ns().empty() ? kind : kind + " in " + name);
  }
  if (out.empty()) out.emplace_back(IsNextComplete() ? "the latest changes" : "namespaces");
  return out;
}

Labels ClusterSource::LabelsOf(const std::string& ns) const {
  const auto it = namespaces_.find(ns);
  return it == namespaces_.end() ? Labels() : it->second;
}

void ClusterSource::Poke() {
  settings_watch_->Poke();
  namespaces_watch_->Poke();
  for (const auto& [name, scope] : scopes_) scope->Poke();
  for (const auto& scope : stand_ins_) scope->Poke();
  if (!next_) return;
  for (const auto& [name, scope] : next_->scopes) scope->Poke();
}

}  // namespace k8sgw::cluster
