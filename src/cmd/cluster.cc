// gloo in a cluster: the control plane, fed by the API server of Kubernetes.

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <ctime>
#include <iostream>
#include <optional>
#include <random>

#include "api/gloo/v1/settings.proto.h"
#include "src/cmd/cluster_health.h"
#include "src/cmd/commands.h"
#include "src/cmd/control_plane.h"
#include "src/cmd/log.h"
#include "src/cmd/xds_listener.h"
#include "src/sources/cluster/cluster_source.h"
#include "src/sources/kube/http.h"
#include "src/sources/kube/kubeconfig.h"

namespace k8sgw {
namespace {

using Time = EventLoop::Time;

// How often the log says what is still waited for.
constexpr std::chrono::seconds kPatience(10);

class ClusterServer {
 public:
  ClusterServer(const GlooOptions& options, kube::ClientConfig config)
      : options_(options),
        credentials_(std::move(config), kube::RealEnvironment(), kube::RealExecRunner(), {}),
        client_(kube_loop_, credentials_, {}),
        control_(Control(options), loop_, [](const Problem&) { return std::string(); }),
        listener_(control_,
                  [this] { return ResourceKey{Kind::kSettings, options_.ns, options_.settings_name}.ToString(); }) {}

  int Run() {
    loop_.Watch(kube_loop_.fd(), [this] {
      kube_loop_.Process();
      Take();
    });
    cluster::ClusterSource::Options source{options_.ns, options_.settings_name, {}};
    source_.emplace(
        client_, std::move(source), [this] { return random_(engine_); },
        cluster::ClusterSource::Consumer{[](const cluster::WatchedKind&, const kube::Event&) {},
                                         [this](const cluster::WatchedKind& kind, const std::string& ns,
                                                const kube::Health& health) { health_.Tell(kind, ns, health); }});
    loop_.OnSignal([this](int signal) {
      if (signal != SIGCHLD) loop_.Quit();
    });
    say_again_ = EventLoop::Now() + kPatience;
    loop_.SetDeadline([this] { return NextDeadline(); }, [this](Time now) { OnDeadline(now); });
    loop_.Run();
    control_.Shutdown();
    return 0;
  }

 private:
  static ControlPlaneOptions Control(const GlooOptions& options) {
    ControlPlaneOptions control;
    control.pipeline.settings = {options.ns, Origin::kCluster};
    control.pipeline.now = std::time(nullptr);
    control.fallback_port = static_cast<uint32_t>(options.fallback_port);
    control.pipeline.header_secrets_match_upstreams = options.policy.header_secrets_match_upstreams;
    control.status_file = options.status_file;
    return control;
  }

  std::optional<Time> NextDeadline() const {
    std::optional<Time> next;
    for (const std::optional<Time>& time : {listener_.deadline(), control_.deadline(), say_again_}) {
      if (time && (!next || *time < *next)) next = time;
    }
    return next;
  }

  void OnDeadline(Time now) {
    if (listener_.deadline() && now >= *listener_.deadline()) listener_.Retry();
    if (control_.deadline() && now >= *control_.deadline()) control_.UpdateStatus();
    if (say_again_ && now >= *say_again_) {
      say_again_ = now + kPatience;
      spdlog::warn("still waiting for the cluster: {}", fmt::join(source_->awaited(), ", "));
    }
  }

  // Whatever came since the last call becomes one revision.
  void Take() {
    const std::optional<std::vector<Change>> changes = source_->Take();
    if (!changes) return;
    control_.Apply(*changes, source_->problems());
    if (say_again_) {
      // The first complete world.
      say_again_.reset();
      spdlog::info("{} objects of the cluster are there", source_->store().size());
      control_.SetServing();
    }
    // Nobody is answered before there is something to answer with.
    listener_.Follow(source_->settings() ? &source_->settings()->spec : nullptr);
    control_.UpdateStatus();
  }

  const GlooOptions options_;
  // First of all: it blocks signals in the threads that others start.
  EventLoop loop_;
  std::minstd_rand engine_{std::random_device()()};
  std::uniform_real_distribution<double> random_{0.0, 1.0};
  kube::Loop kube_loop_;
  kube::Credentials credentials_;
  kube::HttpClient client_;
  ClusterHealth health_;
  ControlPlane control_;
  XdsListener listener_;
  std::optional<cluster::ClusterSource> source_;
  std::optional<Time> say_again_;
};

}  // namespace

int GlooInCluster(const GlooOptions& options) {
  absl::StatusOr<kube::ClientConfig> config =
      kube::LoadClientConfig(kube::RealEnvironment(), {options.kubeconfig, options.context});
  if (!config.ok()) {
    std::cerr << "gloo: " << std::string(config.status().message())
              << "\ngive --kubeconfig FILE for a cluster, or --dir DATA for folders of YAML\n";
    return 1;
  }
  spdlog::info("cluster {} ({})", config->server, config->origin);
  return ClusterServer(options, std::move(*config)).Run();
}

}  // namespace k8sgw
