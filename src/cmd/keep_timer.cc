#include "src/cmd/keep_timer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

namespace k8sgw {
namespace {

// What was changed is on its way to Envoys first.
constexpr std::chrono::milliseconds kPause(50);
// Before a disk that is full is tried again.
constexpr std::chrono::seconds kPatience(10);

}  // namespace

void KeepTimer::NoLaterThan(EventLoop::Time time) { next_ = std::min(next_.value_or(time), time); }

void KeepTimer::Changed() { NoLaterThan(EventLoop::Now() + kPause); }

void KeepTimer::Wrote(const absl::StatusOr<bool>& all) {
  Say(all.status());
  if (!all.ok()) {
    NoLaterThan(EventLoop::Now() + kPatience);
  } else if (!*all) {
    NoLaterThan(EventLoop::Now());
  }
}

void KeepTimer::Warn(const std::string& what) {
  spdlog::warn("what is kept for the next start takes more room than it needs: {}", what);
}

void KeepTimer::Say(const absl::Status& status) {
  const std::string text(status.message());
  if (!status.ok() && text != said_) spdlog::warn("{}: {}", complaint_, text);
  said_ = text;
}

}  // namespace k8sgw
