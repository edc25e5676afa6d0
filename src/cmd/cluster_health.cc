#include "src/cmd/cluster_health.h"

#include <spdlog/spdlog.h>

namespace k8sgw {
namespace {

using Phase = kube::Health::Phase;

// The log is not for those whose words are new each time.
constexpr size_t kCauses = 8;
constexpr std::chrono::seconds kPokeEvery(1);

// Numbers of streams and milliseconds make no other cause.
std::string WithoutNumbers(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

// The server answers, but not for this kind.
bool IsRefusal(const absl::Status& error) { return absl::IsPermissionDenied(error) || absl::IsNotFound(error); }

const char* MendOf(const cluster::WatchedKind& kind, bool forbidden) {
  if (forbidden) return "grant list and watch for them";
  if (!kube::IsCustom(kind.In(""))) return "every API server has them: see what answers in the place of this one";
  return "install their definition: k8sgateway crds | kubectl apply -f -";
}

std::string NameOf(const std::pair<std::string, std::string>& what) {
  return what.second.empty() ? what.first : what.first + " in " + what.second;
}

}  // namespace

bool ClusterHealth::Tell(const cluster::WatchedKind& kind, const std::string& ns, const kube::Health& health,
                         Time now) {
  const What what{std::string(kind.info->plural), ns};
  const std::string error(health.error.message());
  if (health.phase == Phase::kAbsent) {
    if (retrying_.erase(what) > 0 && retrying_.empty()) EndOutage(any_back_);
    if (!NoteAbsent(kind, what, health)) return false;
    spdlog::warn("{} cannot be followed, so what they are for is off until they can: {}: {}", NameOf(what), error,
                 MendOf(kind, absent_.at(what)));
    return false;
  }
  if (health.phase == Phase::kRetrying) {
    retrying_.insert(what);
    watched_.erase(what);
    const bool refused = IsRefusal(health.error);
    silent_ = silent_ || !refused;
    if (told_.size() >= kCauses || !told_.insert(WithoutNumbers(error)).second) return false;
    if (refused) {
      spdlog::warn("{} cannot be heard for now: {}; what was said of them last stays", NameOf(what), error);
    } else {
      spdlog::warn("the cluster cannot be heard ({}): {}; what it said last stays", NameOf(what), error);
    }
    return false;
  }
  if (health.phase != Phase::kWatching) return false;
  watched_.insert(what);
  old_.erase(what);
  const bool came = absent_.erase(what) > 0;
  if (came) spdlog::info("{} are followed now", NameOf(what));
  const bool back = retrying_.erase(what) > 0;
  const bool first = back && !std::exchange(any_back_, true);
  const bool last = back && retrying_.empty();
  if (back && !silent_) spdlog::info("{} are heard again", NameOf(what));
  if (last) EndOutage(true);
  if (!came && !first && !last) return false;
  if (poked_ && now - *poked_ < kPokeEvery) return false;
  poked_ = now;
  return true;
}

bool ClusterHealth::NoteAbsent(const cluster::WatchedKind& kind, const What& what, const kube::Health& health) {
  watched_.erase(what);
  const bool forbidden = absl::IsPermissionDenied(health.error);
  const bool stays = forbidden || !kube::IsCustom(kind.In(""));
  const bool is_old = stays && !kind.info->of_cluster && (health.synced || (knows_ && knows_(kind, what.second)));
  if (is_old) {
    old_.insert(what);
  } else {
    old_.erase(what);
  }
  return absent_.insert_or_assign(what, forbidden).second;
}

std::map<std::pair<std::string, bool>, size_t> ClusterHealth::absent_kinds() const {
  std::map<std::pair<std::string, bool>, size_t> out;
  for (const auto& [what, forbidden] : absent_) ++out[{what.first, forbidden}];
  return out;
}

void ClusterHealth::EndOutage(bool heard) {
  if (silent_ && heard) spdlog::info("the cluster is heard again");
  told_.clear();
  any_back_ = silent_ = false;
}

void ClusterHealth::Drop(const cluster::WatchedKind& kind, const std::string& ns) {
  const What what{std::string(kind.info->plural), ns};
  absent_.erase(what);
  old_.erase(what);
  watched_.erase(what);
  if (retrying_.erase(what) > 0 && retrying_.empty()) EndOutage(any_back_);
}

}  // namespace k8sgw
