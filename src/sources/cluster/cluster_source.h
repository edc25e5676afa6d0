// A Kubernetes cluster as a source of objects.
//
// - Settings come first: they say which namespaces count. Then all kinds are followed at once, and nothing is told
//   before each of them is complete, or known to be missing or forbidden.
// - When Settings name other namespaces, what was told stays until the new ones are complete, and as far as those in
//   force: a list may be much older than what their watches have told, when the server was away between.
// - A kind that is missing or forbidden is not empty: what was known of it, from other watches or from an earlier
//   process, stays until its own watch says what there is, or that the kind is gone (see Reflector). Meanwhile watches
//   that heard it go on.
// - Settings that are deleted stay in force: with them would go what they chose.
// - While the server is away, what it said last stays.
// - What an earlier process knew can be recalled at the start. It counts until the first complete world replaces it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/sources/cluster/namespaces.h"
#include "src/sources/cluster/object_store.h"
#include "src/sources/cluster/scope.h"

namespace k8sgw::cluster {

class ClusterSource {
 public:
  struct Options {
    // Where Settings stand, and which are in force.
    std::string ns = "gloo-system";
    std::string settings_name = "default";
    kube::ReflectorOptions reflector;
    // Which kinds are followed; Settings and namespaces are in any case. Without one, all that the graph can use.
    std::function<bool(Kind)> follows{};
    // Also Secrets of type kubernetes.io/dockerconfigjson.
    bool registry_secrets = false;
    // For so long a kind that was never heard is asked for, quickly, before it counts as missing or forbidden: a server
    // that has just started says so of kinds that are there. Nodes are not waited for, as not everybody may read them,
    // nor are kinds that nothing is translated from.
    std::chrono::milliseconds grace{10'000};
  };

  // Told on the loop's thread. Events are told as they come, also of namespaces, of objects in those that do not count,
  // and before the world is complete; their views are good during the call. Of an object that was told, its end is
  // told, too: when it goes, and when nobody follows it any more.
  struct Consumer {
    std::function<void(const WatchedKind& kind, const kube::Event& event)> on_event;
    std::function<void(const WatchedKind& kind, const std::string& ns, const kube::Health& health)> on_health;
    // The kind is not followed there any more.
    std::function<void(const WatchedKind& kind, const std::string& ns)> on_dropped = [](const auto&, const auto&) {};
  };

  ClusterSource(kube::Follow follow, Options options, Consumer consumer);
  ~ClusterSource();

  // An object as it was known to an earlier process; see KeptObjects. Before the loop runs.
  void Recall(std::string_view api_version, std::string_view plural, std::string_view json);
  // What the recalled objects are: to be called once, after the last of them. Then Take says what differs from them.
  std::vector<Change> TakeRecalled();

  // At a start: the objects of kinds that are translated alone (see watched_kind.h), as soon as all of those are there;
  // else, and after the first time, none. What Take says first is about all objects all the same.
  std::vector<Change> TakeEarly();
  // What has changed since the last call; the first that is not nullopt says everything. To be called when the loop has
  // done what was due. nullopt: nothing is new. Empty: problems() alone are others.
  std::optional<std::vector<Change>> Take();
  // Everything was told at least once.
  bool complete() const { return complete_; }
  // What Take waits for, for the eye.
  std::vector<std::string> awaited() const;
  // Of objects that cannot be decoded.
  Problems problems() const { return store_.problems(); }
  // The Settings in force; nullptr when there are none.
  const Ptr<Object<gloov1::Settings>>& settings() const { return settings_; }
  const ObjectStore& store() const { return store_; }
  // Whether it was told at least once what there is of a kind in a namespace; also of what is not followed.
  bool IsHeard(std::string_view api_version, std::string_view plural, const std::string& ns) const;

  // Whether there are objects of a kind in a namespace, or in all ("").
  bool Knows(const WatchedKind& kind, const std::string& ns) const { return HasAny(kind, ns); }

  // Whether objects of this namespace count; those of none do.
  bool Counts(const std::string& ns) const { return ns.empty() || CountsWith(ns, LabelsOf(ns)); }
  bool CountsWith(const std::string& ns, const Labels& labels) const { return policy_.Counts(ns, labels); }
  Labels LabelsOf(const std::string& ns) const;
  // Do not wait any longer for kinds that were missing, or for a server that was away.
  void Poke();

 private:
  // Who follows what: by namespace; "" for all of them; kOfCluster for objects in none.
  using Scopes = std::map<std::string, std::unique_ptr<Scope>>;
  // What Settings ask for, while it is still coming. It has a store of its own, since two watches of one object may be
  // at different moments of its history.
  struct Next {
    NamespacePolicy policy;
    ObjectStore store;
    // Those that are not there anyway.
    Scopes scopes;
    // What was told by scopes in force of objects that these have, too: the newest version of each kind.
    struct Told {
      std::string by;
      std::string to;
      Kind kind{};
      auto operator<=>(const Told&) const = default;
    };
    std::map<Told, std::string> told{};
    // What a list of those in force did not have any more: nobody said at which version it went. It is waited for while
    // the store has it.
    std::set<ResourceKey> gone{};
    // Of objects that were told by either since: the newest version, in this turn of the server's history.
    std::map<ResourceKey, std::string> versions{};
    int turn = 0;
    // How often they were complete, but not as far. At the first time their watches are asked for, which begin when all
    // of the lists are there.
    int waits = 0;
  };

  void OnSettings(const kube::Batch& batch);
  void OnNamespaces(const kube::Batch& batch);
  void OnBatch(const Scope& from, const WatchedKind& kind, const kube::Batch& batch, bool first);
  // Whether another watch has told a newer version of the object.
  bool IsOld(const WatchedKind& kind, const kube::Event& event);
  // How far the next ones have to come.
  void NoteTold(const Scope& from, const WatchedKind& kind, const kube::Event& event);
  // Says of objects that were told as events that they are gone; the second, of those that are not in force.
  void TellGone(const WatchedKind& kind, const ResourceKey& key);
  void TellGone(const std::vector<ResourceKey>& observed);
  // The batch says all that there is of a kind: what is known from elsewhere and not in it is gone.
  void RemoveOthers(const Scope& from, const WatchedKind& kind, const kube::Batch& batch, bool in_next);
  // The server has told the Settings, or that there are none; or it refuses to.
  void Begin(bool heard);
  // Takes the Settings that are there, and says what follows from those in force.
  NamespacePolicy ReadPolicy();
  // Follows what the policy of the Settings needs.
  void Follow();
  std::unique_ptr<Scope> FollowIn(const std::string& scope);
  bool IsAloneComplete() const;
  bool HasAny(const WatchedKind& kind, const std::string& scope) const;
  void DropNext();
  // What is next is in force when all of it is there.
  void Settle();
  bool IsNextComplete() const;
  bool IsNextCurrent() const;
  // Before the next ones come into force: kinds that they heard, and cannot hear any more, go on as they are known now.
  void KeepWhatNextMissed();
  // Those that nobody needs any more are let go.
  void ReleaseStandIns();
  ResourceKey SettingsKey() const { return {Kind::kSettings, options_.ns, options_.settings_name}; }

  const kube::Follow follow_;
  Options options_;
  const Consumer consumer_;
  std::vector<WatchedKind> kinds_;          // in namespaces
  std::vector<WatchedKind> cluster_kinds_;  // of the cluster itself
  const WatchedKind settings_kind_;

  // In force, or recalled; with Settings in any case.
  ObjectStore store_;
  NamespacePolicy policy_;
  Scopes scopes_;
  // Earlier ones, which go on with kinds that those in their place cannot hear.
  std::vector<std::unique_ptr<Scope>> stand_ins_;
  std::optional<Next> next_;
  bool recalled_ = false;
  bool complete_ = false;
  // What TakeEarly has told, until the world is complete.
  std::optional<std::vector<Change>> early_;
  // Of what is in force.
  std::vector<Change> changes_;

  Ptr<Object<gloov1::Settings>> settings_;
  // The server has said whether there are any.
  bool settings_known_ = false;
  bool settings_heard_ = false;
  std::map<std::string, Labels> namespaces_;
  bool namespaces_known_ = false;
  bool namespaces_heard_ = false;
  bool namespaces_changed_ = false;

  std::unique_ptr<kube::Watch> settings_watch_;
  std::unique_ptr<kube::Watch> namespaces_watch_;
};

}  // namespace k8sgw::cluster
