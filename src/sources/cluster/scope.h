// All watched kinds in one namespace, or in all of them, followed side by side.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/sources/cluster/watched_kind.h"
#include "src/sources/kube/list_watch.h"

namespace k8sgw::cluster {

class Scope {
 public:
  // Told on the loop's thread.
  struct Consumer {
    std::function<void(const WatchedKind& kind, const kube::Batch& batch)> on_batch;
    std::function<void(const WatchedKind& kind, const kube::Health& health)> on_health;
  };

  // `ns` "" for all namespaces. Kinds of the cluster itself are left to the scope of all.
  Scope(kube::HttpClient& client, std::string ns, const std::vector<WatchedKind>& kinds,
        const kube::ReflectorOptions& options, const kube::RandomFraction& random, Consumer consumer);

  const std::string& ns() const { return ns_; }
  // Of each kind everything has been told, or it is missing or forbidden.
  bool complete() const;
  // The kinds that are still waited for, for the eye.
  std::vector<std::string> awaited() const;
  // Do not wait any longer for kinds that were missing.
  void Poke();

 private:
  struct Followed {
    const WatchedKind* kind = nullptr;
    std::unique_ptr<kube::ListWatch> watch;
    bool settled = false;
  };

  const std::string ns_;
  const Consumer consumer_;
  std::vector<std::unique_ptr<Followed>> followed_;
};

}  // namespace k8sgw::cluster
