// The ports of `gloo` for those who run it: health, metrics and the log level, and what it has in its hands.
//
// All methods run on the event loop's thread; the pages are answered from there, too, but for health, which is asked
// whether that thread still does anything.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "src/admin/server.h"
#include "src/admin/snapshots.h"
#include "src/admin/worker.h"
#include "src/admission/counters.h"
#include "src/cmd/commands.h"
#include "src/cmd/control_plane.h"
#include "src/cmd/event_loop.h"
#include "src/cmd/port_listener.h"
#include "src/metrics/registry.h"

namespace k8sgw {

// --health-bind, --stats, --stats-bind, --admin-bind.
void AddAdminFlags(CLI::App& command, AdminOptions& admin);

class GlooAdmin {
 public:
  // What only those know who feed the control plane.
  struct Facts {
    bool leads = true;
    // For how long the source of objects has not been heard.
    std::chrono::seconds world_age{0};
    // See ClusterHealth.
    std::map<std::pair<std::string, bool>, size_t> absent_kinds{};
    // See UpstreamDiscovery.
    size_t discovery_problems = 0;
    // Watched by name; 0 for all.
    size_t namespaces = 0;
    uint64_t rest_requests = 0;
    // nullptr without a webhook.
    const admission::Counters* webhook = nullptr;
    // Filled in here: whether there is a revision since the last look, and when the certificate of the sidecar ends, in
    // seconds since 1970; 0 without one.
    bool is_new_revision = true;
    int64_t mtls_certificate_ends = 0;
  };

  // Both outlive it. `facts` is asked for each look at the metrics.
  GlooAdmin(const AdminOptions& options, ControlPlane& control, EventLoop& loop, std::function<Facts()> facts);

  // Listens; what cannot be had is tried again. Before anything is ready, so that health is answered from the start.
  void Open();
  // The first complete world is served.
  void SetReady() { health_->ready = true; }
  // Makes the control plane tell it what comes and what is made of it. It may still be waiting to be constructed.
  static void Observe(GlooAdmin& admin, ControlPlaneOptions& options);
  std::optional<EventLoop::Time> deadline() const;
  void OnDeadline(EventLoop::Time now);
  void Stop();

 private:
  struct Health {
    std::atomic<bool> ready{false};
    // When the event loop was asked for a sign of life that it has not given yet; 0 for none. Milliseconds.
    std::atomic<int64_t> asked{0};
  };

  void OnRevision(std::chrono::nanoseconds took);
  admin::Pages HealthPages();
  admin::Pages StatsPages();
  admin::Pages AllPages();
  void AddStats(admin::Pages& pages);
  admin::Page Clients();
  admin::Page Snapshot(admin::Write (*take)(const Pipeline&));
  http::Answer Live();
  void FillMetrics();

  const AdminOptions options_;
  ControlPlane& control_;
  EventLoop& loop_;
  const std::function<Facts()> facts_;
  const std::shared_ptr<Health> health_ = std::make_shared<Health>();
  metrics::Registry registry_;
  uint64_t counted_revision_ = 0;
  admin::Worker worker_;
  admin::Server health_server_;
  admin::Server stats_server_;
  admin::Server admin_server_;
  PortListener health_port_;
  PortListener stats_port_;
  PortListener admin_port_;
};

}  // namespace k8sgw
