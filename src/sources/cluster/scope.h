// Watched kinds in one namespace, in all of them, or of the cluster itself, followed side by side.
//
// A scope whose place another has taken may stand in for it: it goes on with those kinds that the other cannot hear,
// and nobody is told any more how it is.
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
    // `first`: the batch says for the first time everything that there is.
    std::function<void(const Scope& scope, const WatchedKind& kind, const kube::Batch& batch, bool first)> on_batch;
    std::function<void(const WatchedKind& kind, const kube::Health& health)> on_health;
    // Nothing more is told of the health of the kind.
    std::function<void(const WatchedKind& kind)> on_dropped;
  };
  // Whether completeness waits for a kind that is refused until it is known to be absent, and not just not loaded yet.
  using WaitsFor = std::function<bool(const WatchedKind& kind)>;

  // `name` is the owner's for it; `ns` "" for all namespaces. The kinds outlive it.
  Scope(const kube::Follow& follow, std::string name, std::string ns, const std::vector<WatchedKind>& kinds,
        const kube::ReflectorOptions& options, const WaitsFor& waits_for, Consumer consumer);

  const std::string& name() const { return name_; }
  const std::string& ns() const { return ns_; }
  // Whether everything that there is of the kind was told at least once; true for kinds that it does not follow.
  bool heard(Kind kind) const;
  // Up to where what was told of the kind follows the server; "" when that must be asked anew.
  const std::string& version(Kind kind) const;
  // The kind is missing or forbidden, or not followed.
  bool refused(Kind kind) const;
  // Of each kind everything has been told, or it is missing or forbidden.
  bool complete() const;
  // The same, but for kinds that are not translated alone.
  bool complete_alone() const;
  // The kinds that are still waited for, for the eye.
  std::vector<std::string> awaited() const;
  // Do not wait any longer: for kinds that were missing, and with watches, for the lists of other kinds.
  void Poke();

  // Follows a kind that is followed as if it had never been heard. Not from within its consumer.
  void BeginAnew(Kind kind);
  // Reports each kind as dropped: it ends, or stands in from now on.
  void Retire();
  // Goes on with these kinds alone. Returns whether any is left. Not from within its consumer.
  bool KeepOnly(const std::function<bool(Kind kind)>& which);

 private:
  struct Followed {
    const WatchedKind* kind = nullptr;
    std::unique_ptr<kube::Watch> watch;
    bool waits = true;
    bool settled = false;
    bool heard = false;
    bool refused = false;
  };

  const Followed* Find(Kind kind) const;
  void Follow(Followed& followed);
  void OnHealth(Followed& followed, const kube::Health& health);

  const std::string name_;
  const std::string ns_;
  const kube::Follow follow_;
  const kube::ReflectorOptions options_;
  const Consumer consumer_;
  bool retired_ = false;
  std::vector<std::unique_ptr<Followed>> followed_;
};

}  // namespace k8sgw::cluster
