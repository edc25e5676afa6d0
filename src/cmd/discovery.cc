// discovery: makes Upstreams out of the Services of a cluster, beside a `gloo` that leaves that to it.

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "api/gloo/v1/settings.proto.h"
#include "src/cmd/cluster_discovery.h"
#include "src/cmd/cluster_health.h"
#include "src/cmd/components.h"
#include "src/cmd/event_loop.h"
#include "src/cmd/flags.h"
#include "src/cmd/leadership.h"
#include "src/cmd/log.h"
#include "src/sources/cluster/cluster_source.h"
#include "src/sources/kube/http.h"
#include "src/sources/kube/kubeconfig.h"
#include "src/sources/kube/list_watch.h"

namespace k8sgw {
namespace {

using Time = EventLoop::Time;

// How often the log says what is still waited for.
constexpr std::chrono::seconds kPatience(10);
// At the end, for the Lease.
constexpr std::chrono::seconds kFarewell(2);
// The published name of the Lease.
constexpr char kLease[] = "discovery";

constexpr char kHelp[] = R"(
Each port of each Service gets an Upstream by itself (docs/discovery.md), in the namespace of discoveryNamespace. The
control plane does the same unless it is told not to: run this beside `gloo --no-discovery`. Any number of replicas may
run; the one that holds the Lease `discovery` writes. No port is opened.

  k8sgateway discovery                                   # in a pod, or with the cluster that kubectl would take
  k8sgateway discovery --kubeconfig admin.conf --namespace gloo-system

Exit codes: 0 after a signal, 1 when there is no cluster, 2 for wrong usage.)";

struct Options {
  std::string kubeconfig;
  std::string context;
  std::string ns = "gloo-system";
  std::string settings_name = "default";
  LeaderOptions leader;
  LogOptions log;
};

class DiscoveryServer {
 public:
  DiscoveryServer(const Options& options, kube::ClientConfig config)
      : options_(options),
        credentials_(std::move(config), kube::RealEnvironment(), kube::RealExecRunner(), {}),
        client_(kube_loop_, credentials_, {}),
        writer_(client_),
        leadership_(kube_loop_, writer_, options.leader, options.ns, kLease),
        discovery_(DiscoveryEnvironment(
                       kube_loop_, writer_, [this] { return Random(); }, [this] { return leadership_.IsLeader(); }),
                   discovery::ReadOptions({}, options.ns), {}) {}

  int Run() {
    loop_.Watch(kube_loop_.fd(), [this] {
      kube_loop_.Process();
      Take();
    });
    source_.emplace(
        [this](const kube::Resource& resource, kube::ReflectorOptions options, kube::Watch::Consumer consumer) {
          return std::make_unique<kube::ListWatch>(
              client_, resource, std::move(options), [this] { return Random(); }, std::move(consumer));
        },
        // Lists, as `gloo` asks for them: the same on servers of all versions, and quicker than initial events.
        cluster::ClusterSource::Options{
            options_.ns, options_.settings_name, {.watch_list = false, .page_limit = 0}, &IsNeeded},
        cluster::ClusterSource::Consumer{
            [this](const cluster::WatchedKind& kind, const kube::Event& event) {
              if (kind.info->kind == Kind::kUpstream) discovery_.Observe(event);
            },
            [this](const cluster::WatchedKind& kind, const std::string& ns, const kube::Health& health) {
              if (health_.Tell(kind, ns, health, EventLoop::Now())) loop_.Post([this] { source_->Poke(); });
              discovery_.SetHeard(kind.info->plural, ns, health.synced);
            },
            [this](const cluster::WatchedKind& kind, const std::string& ns) {
              health_.Drop(kind, ns);
              discovery_.SetHeard(kind.info->plural, ns, true);
            }});
    loop_.OnSignal([this](int signal) {
      if (signal != SIGCHLD) End();
    });
    say_again_ = EventLoop::Now() + kPatience;
    loop_.SetDeadline([this] { return end_by_ ? end_by_ : say_again_; }, [this](Time now) { OnDeadline(now); });
    loop_.Run();
    return 0;
  }

 private:
  static bool IsNeeded(Kind kind) { return kind == Kind::kService || kind == Kind::kUpstream; }
  double Random() { return random_(engine_); }

  void OnDeadline(Time now) {
    if (end_by_) return loop_.Quit();
    say_again_ = now + kPatience;
    spdlog::warn("still waiting for the cluster: {}", fmt::join(source_->awaited(), ", "));
  }

  // Whatever came since the last call is one step.
  void Take() {
    const std::optional<std::vector<Change>> changes = source_->Take();
    if (!changes) {
      if (source_->complete()) discovery_.Flush();
      return;
    }
    for (const Change& change : *changes) {
      if (change.key.kind == Kind::kSettings) settings_changed_ = true;
      if (change.key.kind != Kind::kService) continue;
      discovery_.SetService({change.key.ns, change.key.name}, change.As<core::Service>());
    }
    static const gloov1::Settings kNone;
    const gloov1::Settings& settings = source_->settings() ? source_->settings()->spec : kNone;
    discovery_.SetOptions(discovery::ReadOptions(settings, options_.ns));
    discovery_.SetRate(ReadRate(&settings, {}));
    if (std::exchange(settings_changed_, false)) TellDiscoverySwitches(settings);
    if (say_again_) Begin();
    discovery_.Flush();
  }

  // The first complete world is there.
  void Begin() {
    say_again_.reset();
    spdlog::info("ready: {} Services and Upstreams are there", source_->store().size());
    discovery_.Complete();
    leadership_.Begin([this] { return Random(); },
                      [this](bool leading) {
                        spdlog::info(leading ? "leads: writes discovered Upstreams" : "does not lead: writes nothing");
                        discovery_.SetLeading(leading);
                      });
  }

  // The first time another one may lead at once. The second time: at once.
  void End() {
    if (end_by_ || !leadership_.begun()) return loop_.Quit();
    end_by_ = EventLoop::Now() + kFarewell;
    leadership_.Release([this] { loop_.Quit(); });
  }

  const Options options_;
  // First of all: it blocks signals in the threads that others start.
  EventLoop loop_;
  std::minstd_rand engine_{std::random_device()()};
  std::uniform_real_distribution<double> random_{0.0, 1.0};
  kube::Loop kube_loop_;
  kube::Credentials credentials_;
  kube::HttpClient client_;
  kube::Writer writer_;
  ClusterHealth health_;
  std::optional<cluster::ClusterSource> source_;
  Leadership leadership_;
  discovery::UpstreamDiscovery discovery_;
  bool settings_changed_ = true;
  std::optional<Time> say_again_;
  std::optional<Time> end_by_;
};

int Discovery(const Options& options) {
  SetUpLog(options.log);
  absl::StatusOr<kube::ClientConfig> config =
      kube::LoadClientConfig(kube::RealEnvironment(), {options.kubeconfig, options.context});
  if (!config.ok()) {
    std::cerr << "discovery: " << std::string(config.status().message()) << "\ngive --kubeconfig FILE for a cluster\n";
    return 1;
  }
  spdlog::info("cluster {} ({})", config->server, config->origin);
  return DiscoveryServer(options, std::move(*config)).Run();
}

}  // namespace

void AddDiscovery(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  if (const char* ns = std::getenv("POD_NAMESPACE"); ns && *ns) options->ns = ns;
  CLI::App* command = app.add_subcommand("discovery", "Make Upstreams out of the Services of a cluster");
  command
      ->add_option("--kubeconfig", options->kubeconfig,
                   "How to reach the cluster [KUBECONFIG, else the pod's service account, else ~/.kube/config]")
      ->envname("K8SGATEWAY_KUBECONFIG");
  command->add_option("--context", options->context, "Which context of the kubeconfig [the current one]")
      ->envname("K8SGATEWAY_CONTEXT");
  command->add_option("--namespace", options->ns, "Where Settings stand [POD_NAMESPACE, else gloo-system]")
      ->envname("K8SGATEWAY_NAMESPACE")
      ->capture_default_str();
  command->add_option("--settings,--name", options->settings_name, "Name of the Settings")
      ->envname("K8SGATEWAY_SETTINGS")
      ->capture_default_str();
  AddLeaderFlags(*command, options->leader);
  AddLogFlags(*command, options->log, "LOG_LEVEL");
  command->footer(kHelp);
  command->callback([options, &exit_code] {
    CheckLeaderFlags(options->leader);
    exit_code = Discovery(*options);
  });
}

}  // namespace k8sgw
