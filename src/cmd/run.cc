// run: a folder, a control plane and an Envoy as one process tree.

#include <fmt/core.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <ctime>
#include <filesystem>
#include <iostream>
#include <optional>

#include "api/gateway/v1/gateway.proto.h"
#include "src/base/address.h"
#include "src/cmd/commands.h"
#include "src/cmd/control_plane.h"
#include "src/cmd/envoy_module.h"
#include "src/cmd/envoy_process.h"
#include "src/cmd/find_envoy.h"
#include "src/cmd/folder.h"
#include "src/cmd/last_good.h"
#include "src/cmd/log.h"
#include "src/cmd/ports.h"
#include "src/cmd/route_shards.h"
#include "src/cmd/wasm_modules.h"
#include "src/envoy/names.h"
#include "src/sources/file/directory_source.h"

namespace k8sgw {
namespace {

using namespace std::chrono_literals;
using Time = EventLoop::Time;

// How often is looked whether Envoy is up, until it is; and how often the status is written when somebody wants it.
constexpr auto kReadyPoll = 2ms;
constexpr auto kDrainPoll = 20ms;
constexpr int kIdleChecks = 5;
constexpr auto kStopPatience = 3s;
// Somewhat longer than what our Envoy is told.
constexpr auto kDrain = std::chrono::seconds(kEnvoyDrainSeconds + 1);

class Runner {
 public:
  // `to` is read when there is no folder.
  Runner(const RunOptions& options, HostPort to)
      : options_(options),
        to_(std::move(to)),
        role_(envoy::Role({kWriteNamespace, kDefaultProxy})),
        control_(Control(options), loop_, [this](const Problem& problem) { return Locate(problem); }),
        keeper_(options.state_dir, control_),
        wasm_(WithStateDir(options.wasm, options.state_dir), control_, loop_, [this] { OnModules(); }) {
    if (!options_.directory.empty()) source_.emplace(options_.directory, kDefaultNamespace);
  }

  int Run() {
    const auto begin = EventLoop::Now();
    if (int code = Begin(); code != 0) return code;
    started_ = begin;
    loop_.OnSignal([this](int signal) { OnSignal(signal); });
    loop_.SetDeadline([this] { return NextDeadline(); }, [this](Time now) { OnDeadline(now); });
    loop_.Run();
    return exit_code_;
  }

 private:
  static ControlPlaneOptions Control(const RunOptions& options) {
    ControlPlaneOptions control;
    control.pipeline.settings.write_namespace = kWriteNamespace;
    control.pipeline.settings.origin = Origin::kCommandLine;
    control.pipeline.secret_delivery = envoy::SecretDelivery::kSds;
    control.pipeline.clock = [] { return std::time(nullptr); };
    control.pipeline.header_secrets_match_upstreams = options.policy.header_secrets_match_upstreams;
    control.fallback_port = static_cast<uint32_t>(options.http_port);
    control.route_shards = RouteShards(options.route_shards);
    control.drain = kDrain;
    control.status_file = options.status_file;
    return control;
  }

  int Fail(const absl::Status& status) {
    std::cerr << "run: " << std::string(status.message()) << "\n";
    return 1;
  }

  // Envoy starts while the folder is read: both take their time.
  int Begin() {
    if (auto status = StartServers(); !status.ok()) return Fail(status);
    std::vector<Change> changes;
    if (source_) {
      std::error_code unknown;  // what cannot be looked at is said by the source
      if (!std::filesystem::exists(source_->root(), unknown) && !unknown)
        spdlog::warn("there is no folder {} yet: waiting for it", source_->root());
      keeper_.Attach(*source_);
      changes = source_->Start();
      loop_.Watch(source_->fd(), [this] { OnFiles(); });
    } else {
      changes = RouteEverythingTo(to_.host, to_.port);
    }
    if (auto status = CheckPorts(changes); !status.ok()) return Fail(status);
    ApplyFirst(std::move(changes));
    control_.EnsureRole(role_);
    return 0;
  }

  // What is faulty at the start is served as it was when it was good.
  void ApplyFirst(std::vector<Change> changes) {
    if (!source_ || !keeper_.enabled()) return Apply(std::move(changes));
    control_.Hold();
    Apply(std::move(changes));
    for (std::vector<Change>& step : source_->Revive(control_.ObjectsWithErrors())) Apply(std::move(step));
    control_.Release();
    source_->ForgetLines();
    control_.UpdateStatus();
  }

  absl::Status StartServers() {
    for (const auto& [port, flag] :
         {std::pair(options_.xds_port, "--xds-port"), {options_.admin_port, "--admin-port"}}) {
      if (auto status = CheckPortFree("127.0.0.1", port, flag); !status.ok()) return status;
    }
    if (auto status = control_.Listen(fmt::format("127.0.0.1:{}", options_.xds_port)); !status.ok()) return status;
    if (auto status = wasm_.Listen(); !status.ok()) return status;
    EnvoyOptions envoy;
    envoy.path = FindEnvoy(options_.envoy);
    const bool detailed = options_.log.level == "debug" || options_.log.level == "trace";
    envoy.log_level = detailed ? "info" : "warning";
    // What Envoy says about its own start and end, and about configuration that it refuses, is said better by us.
    if (!detailed) envoy.component_log_level = "main:error,config:error";
    envoy.xds_port = control_.port();
    envoy.admin_port = options_.admin_port;
    envoy.wasm_port = wasm_.port();
    envoy.concurrency = options_.concurrency;
    envoy.role = role_;
    envoy.module_folder = ModuleFolderOf(envoy.path);
    // Known from the start: nothing is served first as it is without.
    if (!envoy.module_folder.empty()) control_.UseModule(role_);
    envoy_.emplace(envoy);
    if (auto status = envoy_->Start(EventLoop::Now()); !status.ok()) return status;
    loop_.Watch(envoy_->log_fd(), [this] { OnEnvoyLog(); });
    return absl::OkStatus();
  }

  // A port that is taken would only show as a listener that Envoy refuses: at the start it is better to say so and end.
  absl::Status CheckPorts(const std::vector<Change>& changes) const {
    bool has_gateway = false;
    for (const Change& change : changes) {
      if (change.key.kind != Kind::kGateway) continue;
      has_gateway = true;
      const gatewayv1::Gateway& gateway = change.As<gatewayv1::Gateway>()->spec;
      const auto status =
          CheckPortFree(gateway.bind_address(), static_cast<int>(gateway.bind_port()), change.key.ToString());
      if (!status.ok()) return status;
    }
    if (has_gateway) return absl::OkStatus();
    if (auto status = CheckPortFree(options_.bind, options_.http_port, "--http-port"); !status.ok()) return status;
    return CheckPortFree(options_.bind, options_.https_port, "--https-port");
  }

  // Adds or takes back the Gateways that a folder without any gets.
  void Apply(std::vector<Change> changes) {
    for (const Change& change : changes) {
      if (change.key.kind != Kind::kGateway) continue;
      if (change.gone()) {
        user_gateways_.erase(change.key);
      } else {
        user_gateways_.insert(change.key);
      }
    }
    const bool want_default = user_gateways_.empty();
    if (want_default != has_default_gateways_) {
      for (Change& gateway : DefaultGateways(kWriteNamespace, options_.bind, options_.http_port, options_.https_port)) {
        if (!want_default && !user_gateways_.contains(gateway.key)) gateway.SetGone();
        if (want_default || !user_gateways_.contains(gateway.key)) changes.push_back(std::move(gateway));
      }
      has_default_gateways_ = want_default;
    }
    Problems problems;
    source_places_.clear();
    if (source_) {
      for (const auto& problem : source_->problems()) problems.push_back(Placed(problem));
    }
    control_.Apply(changes, problems);
    wasm_.AfterCommit();
    if (source_) source_->ForgetLines();
    keeper_.Touch();
    if (!control_.held()) control_.UpdateStatus();
  }

  // Problems of files have their place in the text, as there is no object to look it up by.
  Problem Placed(const file::FileProblem& problem) {
    source_places_[problem.problem] = file::FormatPlace(source_->root(), problem.place);
    return problem.problem;
  }

  std::string Locate(const Problem& problem) const {
    if (const auto it = source_places_.find(problem); it != source_places_.end()) return it->second;
    return source_ ? file::FormatPlace(source_->root(), source_->Locate(problem.object, problem.path)) : "";
  }

  void OnFiles() {
    Apply(source_->OnReadable());
    SayAddresses();
  }

  // Modules were pulled, or cannot be.
  void OnModules() {
    wasm_.Apply();
    wasm_.AfterCommit();
    keeper_.Touch();
    if (!control_.held()) control_.UpdateStatus();
    SayAddresses();
  }

  void SayAddresses() {
    if (ready_ && Addresses() != addresses_) {
      addresses_ = Addresses();
      spdlog::info("listening on {}", addresses_.empty() ? "nothing" : addresses_);
    }
  }

  void OnEnvoyLog() {
    for (const std::string& line : envoy_->ReadLog()) LogEnvoyLine(line);
  }

  void OnSignal(int signal) {
    if (signal == SIGCHLD) {
      OnEnvoyLog();
      const std::string words = envoy_->OnChildExit(EventLoop::Now());
      if (words.empty()) return;
      if (!ready_) {
        // It has never served: a port that is taken, most likely. Its own words stand above.
        spdlog::error("{} before it was ready: are the ports {}, {} and {} free?", words, options_.http_port,
                      options_.https_port, options_.admin_port);
        exit_code_ = 1;
        return loop_.Quit();
      }
      if (stop_at_) return loop_.Quit();
      spdlog::warn("{}", words);
      return;
    }
    if (stop_at_) {
      // The second Ctrl-C means now.
      Stop();
      return;
    }
    if (!ready_) return Stop();
    spdlog::info("draining for at most {} s; again to stop at once", options_.drain_seconds);
    stop_at_ = EventLoop::Now() + std::chrono::seconds(options_.drain_seconds);
    envoy_->BeginDrain();
  }

  void Stop() {
    envoy_->Stop(kStopPatience);
    OnEnvoyLog();
    control_.Shutdown();
    loop_.Quit();
  }

  std::optional<Time> NextDeadline() const {
    std::optional<Time> next = envoy_->deadline();
    const auto at_most = [&](Time time) {
      if (!next || time < *next) next = time;
    };
    if (!ready_) at_most(next_ready_check_);
    if (stop_at_) at_most(std::min(*stop_at_, next_drain_check_));
    if (control_.deadline()) at_most(*control_.deadline());
    if (keeper_.deadline()) at_most(*keeper_.deadline());
    return next;
  }

  void OnDeadline(Time now) {
    if (envoy_->deadline() && *envoy_->deadline() <= now) {
      if (auto status = envoy_->OnTimer(now); !status.ok()) spdlog::error("{}", std::string(status.message()));
    }
    if (!ready_ && now >= next_ready_check_) CheckReady(now);
    if (control_.deadline() && now >= *control_.deadline()) control_.UpdateStatus();
    if (keeper_.deadline() && now >= *keeper_.deadline() && source_) keeper_.Keep({&*source_});
    if (!stop_at_) return;
    if (now >= *stop_at_) return Stop();
    if (now < next_drain_check_) return;
    // Between two requests of a connection nothing is in flight either.
    idle_checks_ = envoy_->Idle() ? idle_checks_ + 1 : 0;
    if (idle_checks_ == kIdleChecks) return Stop();
    next_drain_check_ = now + kDrainPoll;
  }

  void CheckReady(Time now) {
    next_ready_check_ = now + kReadyPoll;
    if (!control_.InSync(role_) || !envoy_->Ready()) return;
    ready_ = true;
    control_.SetServing();
    control_.UpdateStatus();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_).count();
    addresses_ = Addresses();
    const std::string where = addresses_.empty() ? "nothing to serve yet, as there is no VirtualService" : addresses_;
    std::cout << fmt::format("ready in {} ms: {}; {} errors, {} warnings", took, where,
                             control_.pipeline().problem_table().CountErrors(),
                             control_.pipeline().problem_table().CountWarnings())
              << std::endl;
  }

  // The addresses of the listeners, for the eye.
  std::string Addresses() const {
    std::string all;
    for (const auto& [name, address] : control_.ListenerAddresses(role_)) all += (all.empty() ? "" : ", ") + address;
    return all;
  }

  const RunOptions options_;
  const HostPort to_;
  const std::string role_;
  EventLoop loop_;
  std::optional<file::DirectorySource> source_;
  ControlPlane control_;
  LastGoodKeeper keeper_;
  WasmModules wasm_;
  std::optional<EnvoyProcess> envoy_;
  std::set<ResourceKey> user_gateways_;
  bool has_default_gateways_ = false;
  std::map<Problem, std::string> source_places_;
  Time started_{};
  bool ready_ = false;
  std::string addresses_;
  Time next_ready_check_{};
  Time next_drain_check_{};
  int idle_checks_ = 0;
  std::optional<Time> stop_at_;
  int exit_code_ = 0;
};

}  // namespace

int Run(const RunOptions& options) {
  HostPort to;
  std::error_code error;
  absl::Status usage;
  if (options.directory.empty()) {
    const auto parsed = ParseHostPort(options.to);
    if (parsed.ok()) to = *parsed;
    usage = parsed.status();
  } else if (std::filesystem::exists(options.directory, error) &&
             !std::filesystem::is_directory(options.directory, error)) {
    usage = absl::InvalidArgumentError(options.directory + " is no folder: name the folder that it is in");
  }
  if (!usage.ok()) {
    std::cerr << "run: " << std::string(usage.message()) << "\n";
    return 2;
  }
  SetUpLog(options.log);
  return Runner(options, std::move(to)).Run();
}

}  // namespace k8sgw
