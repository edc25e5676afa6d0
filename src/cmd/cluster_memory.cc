#include "src/cmd/cluster_memory.h"

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "src/base/hash.h"

namespace k8sgw {
namespace {

// What was changed is on its way to Envoys first.
constexpr std::chrono::milliseconds kPause(50);
// Before a disk that is full is tried again.
constexpr std::chrono::seconds kPatience(10);
// How often it is noted that what is kept still holds.
constexpr std::chrono::seconds kTouch(30);
constexpr size_t kObjectsAtOnce = 100;

}  // namespace

ClusterMemory::ClusterMemory(const std::string& state_dir, const std::string& cluster, const GlooOptions& options) {
  if (state_dir.empty()) return;
  const uint64_t hash = Hash64(cluster, Hash64(options.ns, Hash64(options.settings_name)));
  auto texts = state::LastGoodTexts::Open(state_dir + "/cluster-" + HexHash(hash));
  Say(texts.status());
  if (texts.ok()) kept_ = std::make_unique<cluster::KeptObjects>(std::move(*texts));
}

void ClusterMemory::Recall(cluster::ClusterSource& source) const {
  if (!kept_) return;
  kept_->ForEach([&](std::string_view api_version, std::string_view plural, std::string_view json) {
    source.Recall(api_version, plural, json);
  });
}

std::string ClusterMemory::AsOf() const {
  if (!kept_) return "";
  const auto age = std::chrono::system_clock::now() - kept_->as_of();
  const int64_t seconds = std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(age).count());
  const std::string ago = seconds < 120    ? fmt::format("{} s", seconds)
                          : seconds < 7200 ? fmt::format("{} min", seconds / 60)
                                           : fmt::format("{} h", seconds / 3600);
  return fmt::format("{:%F %T} UTC, {} ago", fmt::gmtime(std::chrono::system_clock::to_time_t(kept_->as_of())), ago);
}

void ClusterMemory::Observe(const cluster::WatchedKind& kind, const kube::Event& event) {
  if (!kept_) return;
  kept_->Observe(kind, event);
  if (!complete_) return;
  // Not later for what comes after it.
  const EventLoop::Time soon = EventLoop::Now() + kPause;
  next_ = std::min(next_.value_or(soon), soon);
}

void ClusterMemory::Complete() {
  complete_ = true;
  if (!kept_) return;
  kept_->Complete();
  next_ = EventLoop::Now() + kPause;
}

void ClusterMemory::OnDeadline(const ControlPlane& control, bool heard) {
  const absl::StatusOr<bool> done = kept_->Keep(control.ObjectsWithErrors(), kObjectsAtOnce);
  Say(done.status());
  if (!done.ok()) {
    next_ = EventLoop::Now() + kPatience;
  } else if (!*done) {
    next_ = EventLoop::Now();
  } else {
    if (heard) kept_->Touch();
    next_ = EventLoop::Now() + kTouch;
  }
}

void ClusterMemory::Say(const absl::Status& status) {
  const std::string text(status.message());
  if (!status.ok() && text != said_) spdlog::warn("what the cluster says is not kept for the next start: {}", text);
  said_ = text;
}

}  // namespace k8sgw
