// run: a folder, a control plane and an Envoy as one process tree.

#include <signal.h>

#include <ctime>
#include <iostream>
#include <optional>

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include "api/gateway/v1/gateway.pb.h"
#include "src/cmd/commands.h"
#include "src/cmd/control_plane.h"
#include "src/cmd/envoy_process.h"
#include "src/cmd/folder.h"
#include "src/cmd/ports.h"
#include "src/envoy/names.h"
#include "src/sources/file/directory_source.h"

namespace k8sgw {
namespace {

using namespace std::chrono_literals;
using Time = EventLoop::Time;

// How often is looked whether Envoy is up, until it is; and how often the status is written when somebody wants it.
constexpr auto kReadyPoll = 2ms;
constexpr auto kStatusPoll = 2ms;
constexpr auto kDrainPoll = 20ms;
constexpr auto kStopPatience = 3s;

// "host:port", "[v6]:port".
bool SplitHostPort(const std::string& text, std::string* host, int* port) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) return false;
  *host = text.substr(0, colon);
  if (host->starts_with('[') && host->ends_with(']')) *host = host->substr(1, host->size() - 2);
  *port = std::atoi(text.c_str() + colon + 1);
  return *port >= 1 && *port <= 65535;
}

class Runner {
 public:
  explicit Runner(const RunOptions& options)
      : options_(options),
        role_(envoy::Role({kWriteNamespace, kDefaultProxy})),
        control_(Control(options), loop_, [this](const Problem& problem) { return Locate(problem); }) {
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
    control.pipeline.secret_delivery = envoy::SecretDelivery::kSds;
    control.pipeline.now = std::time(nullptr);
    control.fallback_port = static_cast<uint32_t>(options.http_port);
    control.status_file = options.status_file;
    return control;
  }

  int Fail(const absl::Status& status) {
    std::cerr << "run: " << std::string(status.message()) << "\n";
    return 1;
  }

  // Envoy starts while the folder is read: both take their time.
  int Begin() {
    if (auto status = control_.Listen(fmt::format("127.0.0.1:{}", options_.xds_port)); !status.ok()) return Fail(status);
    if (auto status = CheckPortFree("127.0.0.1", options_.admin_port, "--admin-port"); !status.ok()) return Fail(status);
    EnvoyOptions envoy;
    envoy.path = options_.envoy.empty() ? DefaultEnvoy() : options_.envoy;
    envoy.xds_port = control_.port();
    envoy.admin_port = options_.admin_port;
    envoy.concurrency = options_.concurrency;
    envoy.role = role_;
    envoy_.emplace(envoy);
    if (auto status = envoy_->Start(EventLoop::Now()); !status.ok()) return Fail(status);
    std::vector<Change> changes;
    if (source_) {
      changes = source_->Start();
      loop_.Watch(source_->fd(), [this] { OnFiles(); });
    } else {
      std::string host;
      int port = 0;
      if (!SplitHostPort(options_.to, &host, &port)) {
        return Fail(absl::InvalidArgumentError("--to must be HOST:PORT, such as localhost:9000, not \"" + options_.to + "\""));
      }
      changes = RouteEverythingTo(host, port);
    }
    if (auto status = CheckPorts(changes); !status.ok()) return Fail(status);
    Apply(std::move(changes));
    control_.EnsureRole(role_);
    return 0;
  }

  // A port that is taken would only show as a listener that Envoy refuses: at the start it is better to say so and end.
  absl::Status CheckPorts(const std::vector<Change>& changes) const {
    bool has_gateway = false;
    for (const Change& change : changes) {
      if (change.key.kind != Kind::kGateway) continue;
      has_gateway = true;
      const gatewayv1::Gateway& gateway = change.As<gatewayv1::Gateway>()->spec;
      const auto status = CheckPortFree(gateway.bind_address(), static_cast<int>(gateway.bind_port()), change.key.ToString());
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
    if (source_) {
      for (const auto& problem : source_->problems()) problems.push_back(Placed(problem));
    }
    control_.Apply(changes, problems);
    control_.UpdateStatus(role_);
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
    std::vector<Change> changes = source_->OnReadable();
    Apply(std::move(changes));
  }

  void OnSignal(int signal) {
    if (signal == SIGCHLD) {
      const std::string words = envoy_->OnChildExit(EventLoop::Now());
      if (words.empty()) return;
      if (!ready_) {
        // It has never served: a port that is taken, most likely. Its own words stand above.
        spdlog::error("{} before it was ready: are the ports {}, {} and {} free?", words, options_.http_port, options_.https_port, options_.admin_port);
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
    spdlog::info("draining for at most {} s; again to stop at once", options_.drain_seconds);
    stop_at_ = EventLoop::Now() + std::chrono::seconds(options_.drain_seconds);
    envoy_->BeginDrain();
  }

  void Stop() {
    envoy_->Stop(kStopPatience);
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
    if (!options_.status_file.empty()) at_most(next_status_);
    return next;
  }

  void OnDeadline(Time now) {
    if (envoy_->deadline() && *envoy_->deadline() <= now) {
      if (auto status = envoy_->OnTimer(now); !status.ok()) spdlog::error("{}", std::string(status.message()));
    }
    if (!ready_ && now >= next_ready_check_) CheckReady(now);
    if (!options_.status_file.empty() && now >= next_status_) {
      next_status_ = now + kStatusPoll;
      control_.UpdateStatus(role_);
    }
    if (!stop_at_) return;
    if (now >= *stop_at_) return Stop();
    if (now < next_drain_check_) return;
    if (envoy_->Idle()) return Stop();
    next_drain_check_ = now + kDrainPoll;
  }

  void CheckReady(Time now) {
    next_ready_check_ = now + kReadyPoll;
    if (!control_.InSync(role_) || !envoy_->Ready()) return;
    ready_ = true;
    control_.SetServing();
    control_.UpdateStatus(role_);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_).count();
    std::string where;
    for (const auto& [name, address] : control_.ListenerAddresses(role_)) where += (where.empty() ? "" : ", ") + address;
    std::cout << fmt::format("ready in {} ms: {}; {} errors, {} warnings", took, where.empty() ? "no listeners yet" : where,
                             control_.pipeline().problem_table().CountErrors(), control_.pipeline().problem_table().CountWarnings())
              << std::endl;
  }

  const RunOptions options_;
  const std::string role_;
  EventLoop loop_;
  std::optional<file::DirectorySource> source_;
  ControlPlane control_;
  std::optional<EnvoyProcess> envoy_;
  std::set<ResourceKey> user_gateways_;
  bool has_default_gateways_ = false;
  std::map<Problem, std::string> source_places_;
  Time started_{};
  bool ready_ = false;
  Time next_ready_check_{};
  Time next_status_{};
  Time next_drain_check_{};
  std::optional<Time> stop_at_;
  int exit_code_ = 0;
};

}  // namespace

int Run(const RunOptions& options) {
  SetUpLog(options.log);
  return Runner(options).Run();
}

}  // namespace k8sgw
