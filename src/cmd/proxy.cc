// proxy: the entry point of a pod of Envoy. It fills in the bootstrap, is the parent of Envoy, and drains it.

#include <fmt/core.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "module/shard.h"
#include "module/versions.h"
#include "src/bootstrap/divert.h"
#include "src/bootstrap/node_metadata.h"
#include "src/cmd/admin_page.h"
#include "src/cmd/child.h"
#include "src/cmd/components.h"
#include "src/cmd/envoy_module.h"
#include "src/cmd/event_loop.h"
#include "src/cmd/find_envoy.h"
#include "src/cmd/flags.h"
#include "src/cmd/log.h"
#include "src/cmd/proxy_start.h"
#include "src/cmd/proxy_tunnel.h"
#include "src/xds/engine.h"
#include "src/xds_relay/relay.h"

namespace k8sgw {
namespace {

using Time = EventLoop::Time;

constexpr std::chrono::milliseconds kAdminPatience(500);
// Between two looks at an Envoy that drains.
constexpr std::chrono::milliseconds kLook(100);
// How long an Envoy may take to end when it is told to.
constexpr std::chrono::seconds kEnd(3);
constexpr char kSidecarFile[] = "/etc/envoy/envoy-sidecar.yaml";
constexpr char kEnvoyOfImage[] = "/usr/local/bin/envoy";

constexpr char kHelp[] = R"(
The bootstrap is a template: {{.PodName}}, {{.PodNamespace}}, {{.PodIp}}, {{.PodSvcAccount}}, {{.PodUID}}, {{.NodeName}}
and {{.NodeIp}} become what POD_NAME, POD_NAMESPACE, POD_IP, POD_SVCACCNT, POD_UID, NODE_NAME and NODE_IP say, and
{{index .PodLabels "key"}} or .PodAnnotations what the files of --pod-info say. Other template syntax is refused.

  k8sgateway proxy                                        # in a pod
  k8sgateway proxy --input ./envoy.yaml --drain-seconds 60 -- --log-level debug --concurrency 2

SIGTERM: health checks fail from then on, answers close their connections, and new connections are taken for
--drain-least-seconds. When there are no more connections, or after --drain-seconds, Envoy is ended. The same signal
again ends it at once. SIGHUP and SIGUSR1 are passed on.
ENVOY_SIDECAR=true starts Envoy with /etc/envoy/envoy-sidecar.yaml as it is.
With --state-dir, on a volume that outlives the container, a start while the control plane is away serves what was served.
Exit codes: Envoy's own (128 and the signal when it was killed), 1 for a bad bootstrap or no Envoy, 2 for wrong usage.)";

int Fail(const absl::Status& status) {
  std::cerr << "proxy: " << std::string(status.message()) << "\n";
  return 1;
}

// The parent of one Envoy, until that ends.
class EnvoyParent {
 public:
  EnvoyParent(const ProxyOptions& options, const bootstrap::Bootstrap& bootstrap)
      : options_(options),
        loop_({SIGHUP, SIGUSR1}),
        own_listeners_(bootstrap.own_listeners),
        has_admin_(bootstrap.admin.exists()),
        admin_(bootstrap.admin, kAdminPatience) {}

  // `tunnel`, if there is one, is started first, and ended at the end.
  int Run(const EnvoyCommand& command, ProxyTunnel* tunnel) {
    // Whatever loses its parent becomes our child, also when we are not the first process.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    tunnel_ = tunnel;
    if (tunnel_) {
      if (const absl::Status status = tunnel_->Start(); !status.ok()) return Fail(status);
    }
    const absl::StatusOr<pid_t> pid = StartChild(command.args, -1, command.bootstrap ? command.bootstrap->fd() : -1);
    if (!pid.ok()) return Fail(pid.status());
    envoy_ = *pid;
    loop_.OnSignal([this](int signal) { OnSignal(signal); });
    loop_.SetDeadline([this] { return NextDeadline(); }, [this](Time now) { OnDeadline(now); });
    loop_.Run();
    if (tunnel_) tunnel_->End();
    return exit_code_;
  }

 private:
  void OnSignal(int signal) {
    switch (signal) {
      case SIGCHLD: Reap(); break;
      case SIGHUP:
      case SIGUSR1: kill(envoy_, signal); break;
      default: draining_ ? End(EventLoop::Now()) : Drain(EventLoop::Now());
    }
  }

  void Reap() {
    int status = 0;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (tunnel_ && tunnel_->OnExit(pid, status)) continue;
      if (pid != envoy_) continue;
      const bool asked = kill_at_.has_value();
      exit_code_ = ExitCode(status);
      spdlog::log(asked && exit_code_ == 0 ? spdlog::level::info : spdlog::level::warn, "Envoy {}", HowItEnded(status));
      loop_.Quit();
    }
  }

  void Drain(Time now) {
    draining_ = true;
    drain_began_ = now;
    spdlog::info("drains: {} s at least, {} s at most", options_.drain_least_seconds, options_.drain_seconds);
    if (!has_admin_) spdlog::warn("the bootstrap has no admin address: connections cannot be told to end");
    Look(now);
  }

  bool Tell(const std::string& target) {
    const std::optional<AdminAnswer> answer = admin_.Ask("POST", target);
    return answer && answer->status == 200;
  }

  void Look(Time now) {
    look_at_ = now + kLook;
    // Again and again until it is heard: an Envoy that takes a large configuration answers late.
    if (!told_unhealthy_) told_unhealthy_ = Tell("/healthcheck/fail");
    if (!told_to_drain_) told_to_drain_ = Tell("/drain_listeners?graceful");
    if (now >= drain_began_ + std::chrono::seconds(options_.drain_seconds)) {
      const std::optional<int64_t> left = Connections();
      spdlog::info("{} connections are left after {} s: they are ended", left ? std::to_string(*left) : "unknown",
                   options_.drain_seconds);
      return End(now);
    }
    if (now < drain_began_ + std::chrono::seconds(options_.drain_least_seconds)) return;
    if (!has_admin_ || Connections() == 0) {
      spdlog::info("no connection is left");
      End(now);
    }
  }

  std::optional<int64_t> Connections() const {
    const std::optional<AdminAnswer> answer = admin_.Ask("GET", "/stats?filter=downstream_cx_active$");
    if (!answer || answer->status != 200) return std::nullopt;
    return bootstrap::ActiveConnections(answer->body, own_listeners_);
  }

  void End(Time now) {
    look_at_.reset();
    kill(envoy_, kill_at_ ? SIGKILL : SIGTERM);
    kill_at_ = now + kEnd;
  }

  std::optional<Time> OwnDeadline() const { return kill_at_ ? kill_at_ : look_at_; }

  std::optional<Time> NextDeadline() const {
    const std::optional<Time> own = OwnDeadline();
    const std::optional<Time> other = tunnel_ ? tunnel_->deadline() : std::nullopt;
    return !own || (other && *other < *own) ? other : own;
  }

  void OnDeadline(Time now) {
    if (tunnel_ && tunnel_->deadline() && now >= *tunnel_->deadline()) tunnel_->OnDeadline();
    if (const std::optional<Time> own = OwnDeadline(); own && now >= *own) kill_at_ ? End(now) : Look(now);
  }

  const ProxyOptions options_;
  EventLoop loop_;
  const std::set<std::string> own_listeners_;
  const bool has_admin_;
  const AdminPage admin_;
  pid_t envoy_ = -1;
  ProxyTunnel* tunnel_ = nullptr;
  int exit_code_ = 1;
  bool draining_ = false;
  Time drain_began_{};
  bool told_unhealthy_ = false;
  bool told_to_drain_ = false;
  // The next look at an Envoy that drains; and when one that was told to end is killed.
  std::optional<Time> look_at_;
  std::optional<Time> kill_at_;
};

std::string Envoy(const std::string& named) {
  if (!named.empty()) return FindEnvoy(named);
  return access(kEnvoyOfImage, X_OK) == 0 ? kEnvoyOfImage : FindEnvoy("");
}

absl::Status InFile(const ProxyOptions& options, const absl::Status& status) {
  const std::string& file = options.sidecar_file.empty() ? options.template_file : options.sidecar_file;
  return absl::InvalidArgumentError(fmt::format("{}: {}", file, std::string(status.message())));
}

// Lets Envoy find our module when it is there, and say so.
void OfferModule(const ProxyOptions& options, const std::string& envoy, std::string& text, yaml::Node& tree) {
  const std::string folder = ModuleFolderOf(envoy);
  if (folder.empty() || !options.sidecar_file.empty()) return;
  if (const auto version = VersionOfEnvoy(envoy); !CanLoadModule(version)) {
    spdlog::error(
        "{} is Envoy {}.{}.{}, and the module in {} is made for {}: without it, route tables stay whole. Use the Envoy "
        "that came with the module, or the module that came with this Envoy",
        envoy, version->major, version->minor, version->patch, folder, module::kEnvoysThatFit);
    return;
  }
  if (!bootstrap::AddNodeMetadata(tree, xds::kModuleField, shard::kVersion)) return;
  text = yaml::Emit(tree);
  setenv(kModuleFolderVariable, folder.c_str(), 1);
}

// Puts a relay between Envoy and its control plane, with a tunnel behind it when that has TLS; nullptr when none is
// wanted.
absl::StatusOr<std::unique_ptr<xds_relay::Relay>> StartRelay(const ProxyOptions& options, const std::string& envoy,
                                                             std::string& text, yaml::Node& tree,
                                                             std::optional<ProxyTunnel>& tunnel) {
  if (options.state_dir.empty()) return nullptr;
  const std::string tunnel_socket = options.state_dir + "/tunnel.sock";
  const absl::StatusOr<bootstrap::ControlPlanePlace> place =
      bootstrap::DivertXds(tree, xds_relay::Relay::SocketIn(options.state_dir), tunnel_socket);
  if (!place.ok()) return InFile(options, place.status());
  text = yaml::Emit(tree);
  xds_relay::RelayOptions relay;
  relay.upstream = place->tunnel ? "unix:" + tunnel_socket : "dns:///" + place->target;
  if (place->tunnel) {
    relay.authority = place->cluster;
    absl::StatusOr<std::unique_ptr<MemoryFile>> file = MemoryFile::Make(*place->tunnel);
    if (!file.ok()) return file.status();
    tunnel.emplace(envoy, std::move(*file));
  }
  relay.folder = options.state_dir;
  relay.patience = std::chrono::seconds(options.state_patience);
  relay.log = [](const std::string& what, bool is_error) {
    is_error ? spdlog::warn("xDS: {}", what) : spdlog::info("xDS: {}", what);
  };
  return xds_relay::Relay::Start(std::move(relay));
}

int Proxy(const ProxyOptions& options) {
  SetUpLog(options.log);
  absl::StatusOr<std::string> text = MakeBootstrap(options);
  if (!text.ok()) return Fail(text.status());
  absl::StatusOr<bootstrap::Bootstrap> bootstrap = bootstrap::ReadBootstrap(*text);
  if (options.sidecar_file.empty()) WriteCopy(options.copy_file, *text);
  if (!bootstrap.ok()) return Fail(InFile(options, bootstrap.status()));
  const std::string envoy = Envoy(options.envoy);
  if (access(envoy.c_str(), X_OK) != 0) {
    return Fail(absl::NotFoundError(fmt::format("there is no Envoy at {}: name it with --envoy or ENVOY", envoy)));
  }
  if (options.no_core_dumps) {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
  }
  OfferModule(options, envoy, *text, bootstrap->tree);
  // First of all that has threads: it blocks signals in them.
  EnvoyParent parent(options, *bootstrap);
  std::optional<ProxyTunnel> tunnel;
  const auto relay = StartRelay(options, envoy, *text, bootstrap->tree, tunnel);
  if (!relay.ok()) {
    return Fail(absl::UnavailableError("--state-dir: " + std::string(relay.status().message())));
  }
  const absl::StatusOr<EnvoyCommand> command = MakeCommand(options, envoy, *text, bootstrap->tree);
  if (!command.ok()) return Fail(command.status());
  spdlog::info("starts {}", envoy);
  return parent.Run(*command, tunnel ? &*tunnel : nullptr);
}

// What the original reads, and another image.
void ReadVariables(ProxyOptions& options) {
  for (const char* variable : {"ENVOY_BINARY", "ENVOY"}) {
    if (const char* value = std::getenv(variable); value && *value) options.envoy = value;
  }
  // Whatever it says, as in the original.
  if (const char* value = std::getenv("ENVOY_SIDECAR"); value && *value) options.sidecar_file = kSidecarFile;
}

}  // namespace

void AddProxy(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ProxyOptions>();
  ReadVariables(*options);
  CLI::App* command =
      app.add_subcommand("proxy", "Start an Envoy out of a bootstrap template, and drain it at the end");
  command->add_option("--input", options->template_file, "The template of the bootstrap")
      ->envname("INPUT_CONF")
      ->capture_default_str();
  command->add_option("--output", options->copy_file, "A copy of the filled bootstrap, for the eye; \"\" for none")
      ->envname("OUTPUT_CONF")
      ->capture_default_str();
  command->add_option("--pod-info", options->pod_info, "Folder of the files labels and annotations of the pod")
      ->envname("K8SGATEWAY_POD_INFO")
      ->capture_default_str();
  command->add_option("--sidecar", options->sidecar_file, "A bootstrap that is taken as it is, in place of --input");
  command
      ->add_option("--envoy", options->envoy,
                   "The Envoy program [ENVOY, ENVOY_BINARY, /usr/local/bin/envoy, the one beside this program]")
      ->envname("K8SGATEWAY_ENVOY");
  AddNumber(*command, "--drain-least-seconds", options->drain_least_seconds, 0, 3600,
            "At the end: how long new connections are taken");
  AddNumber(*command, "--drain-seconds", options->drain_seconds, 0, 3600,
            "At the end: how long connections may take to end");
  command->add_flag("--disable-core-dumps", options->no_core_dumps, "No core dumps of Envoy")
      ->envname("DISABLE_CORE_DUMPS");
  command
      ->add_option("--state-dir", options->state_dir,
                   "Keep here what Envoy accepts (0600, keys too): a start while the control plane is away serves it")
      ->envname("K8SGATEWAY_STATE_DIR");
  AddNumber(*command, "--state-patience", options->state_patience, 0, 3600,
            "How many seconds the control plane may be away at a start before what is kept is served");
  command->add_option("ENVOY_FLAGS", options->envoy_flags, "Flags for Envoy itself, after --");
  AddLogFlags(*command, options->log);
  command->footer(kHelp);
  command->callback([options, command, &exit_code] {
    // `proxy url` and its like, for users, stand below the same word.
    if (!command->get_subcommands().empty()) return;
    options->drain_least_seconds = std::min(options->drain_least_seconds, options->drain_seconds);
    if (!options->sidecar_file.empty() && !options->state_dir.empty()) {
      throw CLI::ValidationError("proxy", "a sidecar's bootstrap is taken as it is: leave --state-dir away");
    }
    exit_code = Proxy(*options);
  });
}

}  // namespace k8sgw
