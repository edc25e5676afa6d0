#include "src/sources/cluster/cluster_source.h"

#include <algorithm>
#include <utility>

#include "api/gloo/v1/settings.proto.h"
#include "src/json/tree.h"

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

bool IsSettled(const kube::Health& health) { return health.synced || health.phase == kube::Health::Phase::kAbsent; }

}  // namespace

ClusterSource::ClusterSource(kube::HttpClient& client, Options options, kube::RandomFraction random, Consumer consumer)
    : client_(client),
      options_(std::move(options)),
      random_(std::move(random)),
      consumer_(std::move(consumer)),
      kinds_(AllWatchedKinds()),
      settings_kind_{FindKind("Settings")},
      policy_(NamespacePolicy::Read({}, options_.ns)) {
  kube::ReflectorOptions metadata = options_.reflector;
  metadata.metadata_alone = true;  // for the labels
  namespaces_watch_ = std::make_unique<kube::ListWatch>(
      client_, NamespacesKind().In(""), std::move(metadata), random_,
      kube::ListWatch::Consumer{[this](const kube::Batch& batch) { OnNamespaces(batch); },
                                [this](const kube::Health& health) {
                                  namespaces_known_ = namespaces_known_ || IsSettled(health);
                                  consumer_.on_health(NamespacesKind(), "", health);
                                }});
  settings_watch_ = std::make_unique<kube::ListWatch>(
      client_, settings_kind_.In(options_.ns), options_.reflector, random_,
      kube::ListWatch::Consumer{[this](const kube::Batch& batch) { OnSettings(batch); },
                                [this](const kube::Health& health) {
                                  if (IsSettled(health) && scopes_.empty()) Begin();
                                  consumer_.on_health(settings_kind_, options_.ns, health);
                                }});
}

ClusterSource::~ClusterSource() = default;

void ClusterSource::OnSettings(const kube::Batch& batch) {
  for (const kube::Event& event : batch.events) {
    consumer_.on_event(settings_kind_, event);
    if (event.object.meta.name != options_.settings_name || event.kind == kube::Event::Kind::kDelete) continue;
    recalled_.erase(SettingsKey());
    store_.Put(*settings_kind_.info, event.object.json, changes_);
  }
  if (!scopes_.empty()) Follow();
}

// The server has told the Settings, or that there are none.
void ClusterSource::Begin() {
  if (recalled_.erase(SettingsKey()) > 0) {
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
  // Before, only recalled ones were known.
  if (!namespaces_known_) namespaces_.clear();
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

void ClusterSource::OnBatch(const WatchedKind& kind, const kube::Batch& batch) {
  for (const kube::Event& event : batch.events) {
    consumer_.on_event(kind, event);
    const ResourceKey key{kind.info->kind, event.object.meta.namespace_, event.object.meta.name};
    recalled_.erase(key);
    if (event.kind == kube::Event::Kind::kDelete) {
      store_.Remove(key, changes_);
    } else {
      store_.Put(*kind.info, event.object.json, changes_);
    }
  }
}

void ClusterSource::Follow() {
  NamespacePolicy now = ReadPolicy();
  wanted_.reset();
  if (now != policy_) wanted_ = std::move(now);
  const NamespacePolicy& policy = wanted_ ? *wanted_ : policy_;
  std::set<std::string> names = policy.named;
  if (names.empty()) names.insert("");
  for (const std::string& ns : names) {
    if (scopes_.contains(ns)) continue;
    scopes_[ns] = std::make_unique<Scope>(
        client_, ns, kinds_, options_.reflector, random_,
        Scope::Consumer{[this](const WatchedKind& kind, const kube::Batch& batch) { OnBatch(kind, batch); },
                        [this, ns](const WatchedKind& kind, const kube::Health& health) {
                          consumer_.on_health(kind, ns, health);
                        }});
  }
}

void ClusterSource::Settle() {
  const NamespacePolicy& policy = wanted_ ? *wanted_ : policy_;
  std::set<std::string> names = policy.named;
  if (names.empty()) names.insert("");
  for (const std::string& ns : names) {
    const auto scope = scopes_.find(ns);
    if (scope == scopes_.end() || !scope->second->complete()) return;
  }
  // Labels may leave out namespaces, so without them too much would be told.
  if (!policy.selectors.empty() && !namespaces_known_) return;
  for (const ResourceKey& key : std::exchange(recalled_, {})) store_.Remove(key, changes_);
  if (wanted_ || namespaces_changed_ || !complete_) {
    if (wanted_) policy_ = std::move(*wanted_);
    wanted_.reset();
    namespaces_changed_ = false;
    store_.SetNamespaces([this](const Name& ns) { return Counts(ns.str()); }, changes_);
  }
  complete_ = true;
  std::vector<std::string> left;
  for (const auto& [ns, scope] : scopes_) {
    if (!names.contains(ns)) left.push_back(ns);
  }
  for (const std::string& ns : left) Forget(ns);
}

// What only this scope followed is not kept: nobody would say when it changes.
void ClusterSource::Forget(const std::string& scope) {
  scopes_.erase(scope);
  for (const ResourceKey& key : store_.keys()) {
    if (key.kind == Kind::kSettings || scopes_.contains("") || scopes_.contains(key.ns.str())) continue;
    store_.Remove(key, changes_);
  }
}

void ClusterSource::Recall(std::string_view api_version, std::string_view plural, std::string_view json) {
  const auto is = [&](const WatchedKind& kind) {
    return kind.info->api_version == api_version && kind.info->plural == plural;
  };
  if (is(NamespacesKind())) {
    NameAndLabels one = ReadMetadata(json);
    namespaces_[one.name] = std::move(one.labels);
  } else if (is(settings_kind_)) {
    if (ReadMetadata(json).name == options_.settings_name) store_.Put(*settings_kind_.info, json, changes_);
  } else if (const auto kind = std::find_if(kinds_.begin(), kinds_.end(), is); kind != kinds_.end()) {
    store_.Put(*kind->info, json, changes_);
  }
}

std::vector<Change> ClusterSource::TakeRecalled() {
  for (const ResourceKey& key : store_.keys()) recalled_.insert(key);
  policy_ = ReadPolicy();
  store_.SetNamespaces([this](const Name& ns) { return Counts(ns.str()); }, changes_);
  changes_.clear();
  std::vector<Change> all;
  for (const ResourceKey& key : recalled_) {
    Change object = store_.Current(key);
    if (!object.gone()) all.push_back(std::move(object));
  }
  return all;
}

std::optional<std::vector<Change>> ClusterSource::Take() {
  const bool was_complete = complete_;
  if (!scopes_.empty()) Settle();
  if (!complete_ || (changes_.empty() && was_complete)) return std::nullopt;
  return std::exchange(changes_, {});
}

std::vector<std::string> ClusterSource::awaited() const {
  if (scopes_.empty()) return {"settings"};
  std::vector<std::string> out;
  for (const auto& [ns, scope] : scopes_) {
    for (const std::string& kind : scope->awaited()) out.push_back(ns.empty() ? kind : kind + " in " + ns);
  }
  return out;
}

Labels ClusterSource::LabelsOf(const std::string& ns) const {
  const auto it = namespaces_.find(ns);
  return it == namespaces_.end() ? Labels() : it->second;
}

void ClusterSource::Poke() {
  settings_watch_->Poke();
  namespaces_watch_->Poke();
  for (const auto& [ns, scope] : scopes_) scope->Poke();
}

}  // namespace k8sgw::cluster
