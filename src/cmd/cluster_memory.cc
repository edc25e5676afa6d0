#include "src/cmd/cluster_memory.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "src/base/hash.h"

namespace k8sgw {
namespace {

// How often it is noted that what is kept still holds.
constexpr std::chrono::seconds kTouch(30);
constexpr size_t kObjectsAtOnce = 100;

}  // namespace

ClusterMemory::ClusterMemory(const GlooOptions& options, const std::string& cluster) {
  if (options.state_dir.empty()) return;
  const uint64_t hash = Hash64(cluster, Hash64(options.ns, Hash64(options.settings_name)));
  auto texts = state::LastGoodTexts::Open(options.state_dir + "/cluster-" + HexHash(hash), &KeepTimer::Warn);
  timer_.Say(texts.status());
  if (texts.ok()) kept_ = std::make_unique<cluster::KeptObjects>(std::move(*texts));
}

void ClusterMemory::Recall(cluster::ClusterSource& source) const {
  if (!kept_) return;
  kept_->ForEach([&](std::string_view api_version, std::string_view plural, std::string_view json) {
    source.Recall(api_version, plural, json);
  });
}

std::chrono::seconds ClusterMemory::Age() const {
  const auto age = kept_ ? std::chrono::system_clock::now() - kept_->as_of() : std::chrono::seconds(0);
  return std::max(std::chrono::seconds(0), std::chrono::duration_cast<std::chrono::seconds>(age));
}

std::string ClusterMemory::AsOf() const {
  if (!kept_) return "";
  const int64_t seconds = Age().count();
  const std::string ago = seconds < 120    ? fmt::format("{} s", seconds)
                          : seconds < 7200 ? fmt::format("{} min", seconds / 60)
                                           : fmt::format("{} h", seconds / 3600);
  return fmt::format("{:%F %T} UTC, {} ago", fmt::gmtime(std::chrono::system_clock::to_time_t(kept_->as_of())), ago);
}

void ClusterMemory::Observe(const cluster::WatchedKind& kind, const kube::Event& event) {
  if (!kept_) return;
  kept_->Observe(kind, event);
  if (complete_) timer_.Changed();
}

void ClusterMemory::Complete(const cluster::ClusterSource& source) {
  complete_ = true;
  if (!kept_) return;
  kept_->Complete([&](std::string_view api_version, std::string_view plural, const std::string& ns) {
    return source.IsHeard(api_version, plural, ns);
  });
  timer_.Changed();
}

void ClusterMemory::OnDeadline(const ControlPlane& control, bool heard) {
  timer_.Begin();
  const absl::StatusOr<bool> all = kept_->Keep(control.ObjectsWithErrors(), kObjectsAtOnce);
  timer_.Wrote(all);
  if (!all.ok() || !*all) return;
  if (heard) kept_->Touch();
  timer_.NoLaterThan(EventLoop::Now() + kTouch);
}

}  // namespace k8sgw
