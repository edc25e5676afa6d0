#include "src/cmd/gloo_admin.h"

#include <spdlog/spdlog.h>

#include <ctime>
#include <utility>

#include "src/admin/clients.h"
#include "src/admin/log_level.h"
#include "src/base/text.h"
#include "src/cmd/gloo_metrics.h"
#include "src/cmd/mounted_certificate.h"
#include "src/metrics/names.h"

namespace k8sgw {
namespace {

// Snapshots that wait to be written.
constexpr size_t kMostWaiting = 8;
// An event loop that has done nothing for so long will not do anything any more. A first world takes seconds.
constexpr int64_t kDeadAfterMs = 120'000;

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(EventLoop::Now().time_since_epoch()).count();
}

double Seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

// As published, where they have names of ours.
std::string PublishedLevel() {
  switch (spdlog::get_level()) {
    case spdlog::level::trace:
    case spdlog::level::debug: return "debug";
    case spdlog::level::info: return "info";
    case spdlog::level::warn: return "warn";
    default: return "error";
  }
}

void SetPublishedLevel(const std::string& level) {
  const bool is_worse = level == "dpanic" || level == "panic" || level == "fatal";
  spdlog::set_level(spdlog::level::from_str(is_worse ? "error" : level == "warn" ? "warning" : level));
}

http::Answer AnswerLevel() { return {200, "application/json", admin::WriteLevel(PublishedLevel())}; }

http::Answer PutLevel(const http::Request& request) {
  const absl::StatusOr<std::string> level = admin::ReadLevel(request);
  if (!level.ok()) return {400, "text/plain", Cat(std::string(level.status().message()), "\n")};
  SetPublishedLevel(*level);
  spdlog::warn("the log level is {} now, as {} asked for", *level, request.peer);
  return AnswerLevel();
}

PortListener::Served Served(const char* what, const char* flag, admin::Server& server) {
  return {what,
          flag,
          [&server](const std::string& address) { return server.Listen(address); },
          [&server] { server.Stop(); },
          [&server] { return server.port(); },
          false};
}

std::string OfTheCommandLine(const std::string&) { return "gloo"; }

}  // namespace

void AddAdminFlags(CLI::App& command, AdminOptions& admin) {
  const auto address = [&](const char* flag, std::string& value, const char* variable, const char* help) {
    command.add_option(flag, value, help)->envname(variable)->capture_default_str();
  };
  address("--health-bind", admin.health_bind, "K8SGATEWAY_HEALTH_BIND",
          "HOST:PORT for /healthz and /readyz; \"\" for none");
  command.add_flag("--stats", admin.stats, "Open --stats-bind")->envname("START_STATS_SERVER");
  address("--stats-bind", admin.stats_bind, "K8SGATEWAY_STATS_BIND", "HOST:PORT for /metrics, and /logging to read");
  address("--admin-bind", admin.admin_bind, "K8SGATEWAY_ADMIN_BIND",
          "HOST:PORT for /snapshots/input, edge, proxies, xds and krt, /clients, /metrics and /logging; \"\" for none");
  command
      .add_option("--mtls-dir", admin.mtls_dir,
                  "Folder of tls.crt and ca.crt of the sidecar of mTLS; a metric tells when they end")
      ->envname("K8SGATEWAY_MTLS_DIR");
}

GlooAdmin::GlooAdmin(const AdminOptions& options, ControlPlane& control, EventLoop& loop, std::function<Facts()> facts)
    : options_(options),
      control_(control),
      loop_(loop),
      facts_(std::move(facts)),
      registry_(metrics::kGloo),
      worker_(kMostWaiting),
      health_server_(HealthPages()),
      stats_server_(StatsPages()),
      admin_server_(AllPages()),
      health_port_(Served("health", "--health-bind", health_server_), OfTheCommandLine),
      stats_port_(Served("stats", "--stats-bind", stats_server_), OfTheCommandLine),
      admin_port_(Served("admin", "--admin-bind", admin_server_), OfTheCommandLine) {
  registry_.Set(metrics::kBuildInfo, {options_.version, options_.installation}, 1);
}

void GlooAdmin::Open() {
  if (!options_.health_bind.empty()) health_port_.Follow(options_.health_bind);
  if (options_.stats && !options_.stats_bind.empty()) stats_port_.Follow(options_.stats_bind);
  if (!options_.admin_bind.empty()) admin_port_.Follow(options_.admin_bind);
}

void GlooAdmin::Observe(GlooAdmin& admin, ControlPlaneOptions& options) {
  options.on_changes = [&admin](const std::vector<Change>& changes) { AddChanges(changes, admin.registry_); };
  options.on_revision = [&admin](std::chrono::nanoseconds took) { admin.OnRevision(took); };
  options.on_served = [&admin](std::chrono::nanoseconds took) {
    admin.registry_.Observe(metrics::kSyncTime, {}, Seconds(took));
  };
  options.on_answered = [&admin](const std::string& role, std::chrono::nanoseconds took) {
    admin.registry_.Observe(metrics::kPushToAck, {ProxyName(role)}, Seconds(took));
  };
}

void GlooAdmin::OnRevision(std::chrono::nanoseconds took) {
  registry_.Observe(metrics::kTranslationTime, {"EdgeSnapshotTranslator"}, Seconds(took));
  registry_.Add(metrics::kSnapOut, {});
  registry_.Set(metrics::kRevisionTimestamp, {}, static_cast<double>(std::time(nullptr)));
}

std::optional<EventLoop::Time> GlooAdmin::deadline() const {
  std::optional<EventLoop::Time> next;
  for (const PortListener* port : {&health_port_, &stats_port_, &admin_port_}) {
    if (port->deadline() && (!next || *port->deadline() < *next)) next = port->deadline();
  }
  return next;
}

void GlooAdmin::OnDeadline(EventLoop::Time now) {
  for (PortListener* port : {&health_port_, &stats_port_, &admin_port_}) {
    if (port->deadline() && now >= *port->deadline()) port->Retry();
  }
}

void GlooAdmin::Stop() {
  health_server_.Stop();
  stats_server_.Stop();
  admin_server_.Stop();
}

// On the health server's thread.
http::Answer GlooAdmin::Live() {
  int64_t nobody = 0;
  const int64_t now = NowMs();
  if (health_->asked.compare_exchange_strong(nobody, now)) {
    loop_.Post([health = health_] { health->asked = 0; });
  } else if (now - nobody > kDeadAfterMs) {
    return {503, "text/plain", Cat("nothing has moved for ", (now - nobody) / 1000, " s\n")};
  }
  return {200, "text/plain", "OK\n"};
}

admin::Pages GlooAdmin::HealthPages() {
  admin::Pages pages;
  pages.by_path["/healthz"] = {"it is alive",
                               [this](const http::Request&, const http::Reply& reply) { reply(Live()); }};
  pages.by_path["/readyz"] = {"the first complete world is served",
                              [health = health_](const http::Request&, const http::Reply& reply) {
                                if (health->ready) return reply({200, "text/plain", "OK\n"});
                                reply({503, "text/plain", "not all objects are known yet\n"});
                              }};
  return pages;
}

void GlooAdmin::AddStats(admin::Pages& pages) {
  pages.by_path["/metrics"] = {"for Prometheus", [this](const http::Request&, const http::Reply& reply) {
                                 loop_.Post([this, reply] {
                                   FillMetrics();
                                   reply({200, metrics::kContentType, registry_.Text()});
                                 });
                               }};
  pages.by_path["/logging"] = {"the level of the log",
                               [](const http::Request&, const http::Reply& reply) { reply(AnswerLevel()); }, nullptr,
                               "the level is set on the port of --admin-bind, 127.0.0.1:9095 unless told"};
}

admin::Pages GlooAdmin::StatsPages() {
  admin::Pages pages;
  AddStats(pages);
  return pages;
}

admin::Page GlooAdmin::Snapshot(admin::Write (*take)(const Pipeline&)) {
  return [this, take](const http::Request&, const http::Reply& reply) {
    loop_.Post([this, take, reply] {
      const bool taken =
          worker_.Do([write = take(control_.pipeline()), reply] { reply({200, "application/json", write()}); });
      if (!taken) reply({503, "text/plain", "others wait already: try again\n"});
    });
  };
}

admin::Page GlooAdmin::Clients() {
  return [this](const http::Request&, const http::Reply& reply) {
    loop_.Post([this, reply] {
      const Facts facts = facts_();
      admin::Served served{health_->ready, facts.leads, facts.world_age.count(), control_.roles(), {}};
      if (const auto server = control_.xds()) served.clients = server->Clients();
      const bool taken = worker_.Do(
          [served = std::move(served), reply] { reply({200, "application/json", admin::WriteClients(served)}); });
      if (!taken) reply({503, "text/plain", "others wait already: try again\n"});
    });
  };
}

admin::Pages GlooAdmin::AllPages() {
  admin::Pages pages;
  AddStats(pages);
  // Not on the other port, which is open to whoever reaches the pod.
  admin::Pages::Entry& level = pages.by_path["/logging"];
  level.put = [](const http::Request& request, const http::Reply& reply) { reply(PutLevel(request)); };
  level.put_elsewhere.clear();
  pages.by_path["/clients"] = {"the Envoys that are served, and which of them do not follow", Clients()};
  pages.by_path["/snapshots/input"] = {"the objects that are known, without secrets", Snapshot(admin::TakeInput)};
  pages.by_path["/snapshots/edge"] = {"listeners, virtual hosts and problems", Snapshot(admin::TakeEdge)};
  pages.by_path["/snapshots/proxies"] = {"the Proxies", Snapshot(admin::TakeProxies)};
  pages.by_path["/snapshots/xds"] = {"what Envoys get, by role, without secrets", Snapshot(admin::TakeXds)};
  pages.by_path["/snapshots/krt"] = {"the steps from objects to what Envoys get", Snapshot(admin::TakeGraph)};
  return pages;
}

void GlooAdmin::FillMetrics() {
  Facts facts = facts_();
  const uint64_t revision = control_.revision();
  facts.is_new_revision = std::exchange(counted_revision_, revision) != revision;
  facts.mtls_certificate_ends = MountedCertificateEnd(options_.mtls_dir);
  SetMetrics(control_, facts, health_->ready, registry_);
}

}  // namespace k8sgw
