// What a cluster said, on disk: kept as it comes, and known at the next start before the API server answers.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "src/cmd/commands.h"
#include "src/cmd/control_plane.h"
#include "src/cmd/event_loop.h"
#include "src/cmd/keep_timer.h"
#include "src/sources/cluster/cluster_source.h"
#include "src/sources/cluster/kept_objects.h"

namespace k8sgw {

class ClusterMemory {
 public:
  // Nothing is kept without a state folder; with a warning, when it cannot be used. `cluster` is the server's URL.
  ClusterMemory(const GlooOptions& options, const std::string& cluster);

  // Tells the source what is known from earlier. Before the loop runs.
  void Recall(cluster::ClusterSource& source) const;
  // How long ago that was as it should be.
  std::chrono::seconds Age() const;
  // When that was, in words: "2026-01-31 12:00:00 UTC, 5 min ago".
  std::string AsOf() const;

  void Observe(const cluster::WatchedKind& kind, const kube::Event& event);
  // The first complete world was observed; what the source could not hear stays.
  void Complete(const cluster::ClusterSource& source);
  // When OnDeadline is to be called.
  std::optional<EventLoop::Time> deadline() const { return timer_.deadline(); }
  // Keeps a part of what has changed, so that nothing else waits for long. `heard`: the server says what changes.
  void OnDeadline(const ControlPlane& control, bool heard);

 private:
  std::unique_ptr<cluster::KeptObjects> kept_;
  bool complete_ = false;
  KeepTimer timer_{"what the cluster says is not kept for the next start"};
};

}  // namespace k8sgw
