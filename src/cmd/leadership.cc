#include "src/cmd/leadership.h"

#include <fmt/core.h>
#include <google/protobuf/duration.pb.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <utility>

#include "src/base/go_duration.h"

namespace k8sgw {
namespace {

// Another one for each process, so that a pod that starts again is not taken for its former self.
std::string Identity() {
  char host[256] = "k8sgateway";
  gethostname(host, sizeof(host) - 1);
  const char* pod = std::getenv("POD_NAME");
  return fmt::format("{}_{:08x}{:08x}", pod && *pod ? pod : host, std::random_device()(), std::random_device()());
}

kube::LeaseOptions Lease(const LeaderOptions& options, const std::string& ns, const std::string& name,
                         const std::string& identity) {
  kube::LeaseOptions lease;
  lease.ns = ns;
  lease.name = name;
  lease.identity = identity;
  lease.duration = options.lease_duration;
  lease.renew_deadline = options.renew_period;
  lease.retry_period = options.retry_period;
  return lease;
}

void AddTime(CLI::App& command, const std::string& flag, const char* variable, std::chrono::milliseconds& time,
             const std::string& help) {
  const auto take = [flag, &time](const std::string& text) {
    google::protobuf::Duration duration;
    if (!ParseGoDuration(text, &duration)) {
      throw CLI::ValidationError(flag, "\"" + text + "\" is no duration such as 15s or 1m30s");
    }
    time = std::chrono::seconds(duration.seconds()) + std::chrono::milliseconds(duration.nanos() / 1'000'000);
  };
  command.add_option_function<std::string>(flag, take, help)
      ->envname(variable)
      ->default_str(fmt::format("{}s", time.count() / 1000));
}

}  // namespace

void AddLeaderFlags(CLI::App& command, LeaderOptions& leader) {
  command
      .add_flag("--disable-leader-election", leader.disabled,
                "Write without holding the Lease: only where there is one replica")
      ->envname("DISABLE_LEADER_ELECTION");
  AddTime(command, "--lease-duration", "LEADER_ELECTION_LEASE_DURATION", leader.lease_duration,
          "How long the Lease of a replica that died is waited for");
  AddTime(command, "--lease-renew-period", "LEADER_ELECTION_RENEW_PERIOD", leader.renew_period,
          "A leader that has not renewed its Lease for so long leads no more");
  AddTime(command, "--lease-retry-period", "LEADER_ELECTION_RETRY_PERIOD", leader.retry_period,
          "How often the Lease is renewed, or looked at");
}

void CheckLeaderFlags(const LeaderOptions& leader) {
  const absl::Status fits = kube::CheckLeaseOptions(Lease(leader, "any", "any", "any"));
  if (!fits.ok()) throw CLI::ValidationError("--lease-duration", std::string(fits.message()));
}

Leadership::Leadership(kube::Loop& loop, kube::Writer& writer, LeaderOptions options, std::string ns, std::string lease)
    : loop_(loop),
      writer_(writer),
      options_(options),
      ns_(std::move(ns)),
      lease_(std::move(lease)),
      identity_(Identity()) {}

void Leadership::Begin(kube::RandomFraction random, std::function<void(bool)> on_change) {
  begun_ = true;
  if (options_.disabled) {
    on_change_ = std::move(on_change);
    on_change_(true);
  } else {
    election_.emplace(loop_, writer_, Lease(options_, ns_, lease_, identity_), std::move(random), std::move(on_change),
                      [](const std::string& message) { spdlog::warn("{}", message); });
  }
}

void Leadership::Release(std::function<void()> done) {
  if (election_) {
    election_->Release(std::move(done));
  } else {
    released_ = true;
    on_change_(false);
    done();
  }
}

}  // namespace k8sgw
