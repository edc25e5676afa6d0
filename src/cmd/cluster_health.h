// Says in the log how the cluster is heard: each cause once while something is wrong, and once when it is well again. A
// kind that the server refuses, as one does that has just started, is named, as nothing is wrong with the others.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "src/sources/cluster/watched_kind.h"
#include "src/sources/kube/reflector.h"

namespace k8sgw {

class ClusterHealth {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Whether objects of the kind are known from before this process, or from another watch.
  using Knows = std::function<bool(const cluster::WatchedKind& kind, const std::string& ns)>;

  explicit ClusterHealth(Knows knows = {}) : knows_(std::move(knows)) {}

  // Returns whether others that wait should try now: what came back says that they may have, too. That is so when the
  // first is heard in an outage, when the last is, and when a kind came that was absent; at most once in a second. A
  // server that takes all requests and ends them at once must not be asked by all, each time it has done so to one.
  bool Tell(const cluster::WatchedKind& kind, const std::string& ns, const kube::Health& health, Time now);
  // The kind is not followed there any more: whatever was wrong with it is nobody's concern.
  void Drop(const cluster::WatchedKind& kind, const std::string& ns);
  // Something of what is known may be old: a kind is not heard at the moment, or one that was heard, or has objects
  // that are known, is forbidden, or missing though no server lacks it; or nothing is heard at all, as everything is
  // forbidden or missing.
  //
  // A kind that is missing, or that nobody was ever allowed to read and that has no objects, makes nothing old: with
  // rights in some namespaces, or without some definitions, it would be so for ever. Nor do kinds of the cluster itself
  // (Nodes, namespaces), which those rights do not reach: what was known of them stays behind when rights are narrowed.
  bool away() const { return !retrying_.empty() || !old_.empty() || (watched_.empty() && !absent_.empty()); }
  // Some objects are of kinds that are forbidden.
  bool has_old() const { return !old_.empty(); }
  // In how many watches a kind cannot be followed: by its plural, and whether it is forbidden or else missing.
  std::map<std::pair<std::string, bool>, size_t> absent_kinds() const;

 private:
  using What = std::pair<std::string, std::string>;  // the kind's plural, and the namespace

  // Whether it was not absent before.
  bool NoteAbsent(const cluster::WatchedKind& kind, const What& what, const kube::Health& health);
  // Nothing is retried any more; `heard`: of what was, something is heard again.
  void EndOutage(bool heard);

  const Knows knows_;
  std::set<What> watched_;
  std::set<What> retrying_;
  // Causes of this outage that were told, without their numbers.
  std::set<std::string> told_;
  // Whether they are forbidden.
  std::map<What, bool> absent_;
  // Of these, those of which something is known.
  std::set<What> old_;
  // In this outage something was heard again.
  bool any_back_ = false;
  // In this outage the server did not answer, or not as it should, rather than that it refused a kind.
  bool silent_ = false;
  // When Tell said so last.
  std::optional<Time> poked_;
};

}  // namespace k8sgw
