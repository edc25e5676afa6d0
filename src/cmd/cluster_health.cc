#include "src/cmd/cluster_health.h"

#include <spdlog/spdlog.h>

namespace k8sgw {
namespace {

using Phase = kube::Health::Phase;

// The log is not for those whose words are new each time.
constexpr size_t kCauses = 8;

// Numbers of streams and milliseconds make no other cause.
std::string WithoutNumbers(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

std::string NameOf(const std::pair<std::string, std::string>& what) {
  return what.second.empty() ? what.first : what.first + " in " + what.second;
}

}  // namespace

bool ClusterHealth::Tell(const cluster::WatchedKind& kind, const std::string& ns, const kube::Health& health) {
  const What what{std::string(kind.info->plural), ns};
  const std::string error(health.error.message());
  if (health.phase == Phase::kAbsent) {
    retrying_.erase(what);
    if (!absent_.insert(what).second) return false;
    const bool forbidden = absl::IsPermissionDenied(health.error);
    spdlog::warn("{} cannot be followed, so what they are for is off until they can: {}: {}", NameOf(what), error,
                 forbidden ? "grant list and watch for them"
                           : "install their definition: k8sgateway crds | kubectl apply --server-side -f -");
    return false;
  }
  if (health.phase == Phase::kRetrying) {
    retrying_.insert(what);
    if (told_.size() < kCauses && told_.insert(WithoutNumbers(error)).second) {
      spdlog::warn("the cluster cannot be heard ({}): {}; what it said last stays", NameOf(what), error);
    }
    return false;
  }
  if (health.phase != Phase::kWatching) return false;
  if (absent_.erase(what) > 0) spdlog::info("{} are followed now", NameOf(what));
  if (retrying_.erase(what) == 0) return false;
  if (retrying_.empty()) {
    told_.clear();
    spdlog::info("the cluster is heard again");
  }
  return true;
}

void ClusterHealth::Drop(const cluster::WatchedKind& kind, const std::string& ns) {
  const What what{std::string(kind.info->plural), ns};
  absent_.erase(what);
  if (retrying_.erase(what) > 0 && retrying_.empty()) told_.clear();
}

}  // namespace k8sgw
