// Says in the log how the cluster is heard: each cause once while something is wrong, and once when it is well again.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "src/sources/cluster/watched_kind.h"
#include "src/sources/kube/reflector.h"

namespace k8sgw {

class ClusterHealth {
 public:
  // Returns whether something is heard again that was not.
  bool Tell(const cluster::WatchedKind& kind, const std::string& ns, const kube::Health& health);
  // The kind is not followed there any more: whatever was wrong with it is nobody's concern.
  void Drop(const cluster::WatchedKind& kind, const std::string& ns);
  // Nothing can be heard at the moment from some kind.
  bool away() const { return !retrying_.empty(); }

 private:
  using What = std::pair<std::string, std::string>;  // the kind's plural, and the namespace

  std::set<What> retrying_;
  // Causes of this outage that were told, without their numbers.
  std::set<std::string> told_;
  std::set<What> absent_;
};

}  // namespace k8sgw
