// Watched kinds in one namespace, in all of them, or of the cluster itself, followed side by side.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/sources/cluster/watched_kind.h"
#include "src/sources/kube/watch.h"

namespace k8sgw::cluster {

class Scope {
 public:
  // Told on the loop's thread.
  struct Consumer {
    std::function<void(const WatchedKind& kind, const kube::Batch& batch)> on_batch;
    std::function<void(const WatchedKind& kind, const kube::Health& health)> on_health;
  };

  // `ns` "" for all namespaces. The kinds outlive it.
  Scope(const kube::Follow& follow, std::string ns, const std::vector<WatchedKind>& kinds,
        const kube::ReflectorOptions& options, Consumer consumer);

  const std::string& ns() const { return ns_; }
  // Of each kind everything has been told, or it is missing or forbidden.
  bool complete() const;
  // The same, but for kinds that are not translated alone.
  bool complete_alone() const;
  // The kinds that are still waited for, for the eye.
  std::vector<std::string> awaited() const;
  // Do not wait any longer: for kinds that were missing, and with watches, for the lists of other kinds.
  void Poke();

 private:
  struct Followed {
    const WatchedKind* kind = nullptr;
    std::unique_ptr<kube::Watch> watch;
    bool settled = false;
  };

  const std::string ns_;
  const Consumer consumer_;
  std::vector<std::unique_ptr<Followed>> followed_;
};

}  // namespace k8sgw::cluster
