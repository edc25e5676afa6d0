// Says in the log how the cluster is heard: each cause once while something is wrong, and once when it is well again. A
// kind that the server refuses, as one does that has just started, is named, as nothing is wrong with the others.
#pragma once

#include <chrono>
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

  // Returns whether others that wait should try now: what came back says that they may have, too. That is so when the
  // first is heard in an outage, when the last is, and when a kind came that was absent; at most once in a second. A
  // server that takes all requests and ends them at once must not be asked by all, each time it has done so to one.
  bool Tell(const cluster::WatchedKind& kind, const std::string& ns, const kube::Health& health, Time now);
  // The kind is not followed there any more: whatever was wrong with it is nobody's concern.
  void Drop(const cluster::WatchedKind& kind, const std::string& ns);
  // Nothing can be heard at the moment from some kind.
  bool away() const { return !retrying_.empty(); }

 private:
  using What = std::pair<std::string, std::string>;  // the kind's plural, and the namespace

  // Nothing is retried any more; `heard`: of what was, something is heard again.
  void EndOutage(bool heard);

  std::set<What> retrying_;
  // Causes of this outage that were told, without their numbers.
  std::set<std::string> told_;
  std::set<What> absent_;
  // In this outage something was heard again.
  bool any_back_ = false;
  // In this outage the server did not answer, or not as it should, rather than that it refused a kind.
  bool silent_ = false;
  // When Tell said so last.
  std::optional<Time> poked_;
};

}  // namespace k8sgw
