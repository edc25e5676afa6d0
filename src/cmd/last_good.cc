#include "src/cmd/last_good.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <filesystem>

#include "src/base/hash.h"

namespace k8sgw {
namespace {

// What was changed is on its way to Envoys first.
constexpr std::chrono::milliseconds kPause(50);
// Before a disk that is full is tried again.
constexpr std::chrono::seconds kPatience(10);
constexpr size_t kFilesAtOnce = 200;

}  // namespace

void LastGoodKeeper::Attach(file::DirectorySource& source) {
  if (!enabled()) return;
  std::error_code error;
  const std::string folder = std::filesystem::absolute(source.root(), error).lexically_normal().string();
  auto texts = state::LastGoodTexts::Open(state_dir_ + "/last-good-" + HexHash(Hash64(folder)));
  if (!texts.ok()) return Say(texts.status());
  source.KeepIn(std::move(*texts));
}

void LastGoodKeeper::Touch() {
  if (enabled()) next_ = EventLoop::Now() + kPause;
}

void LastGoodKeeper::Keep(const std::set<file::DirectorySource*>& sources) {
  next_.reset();
  const std::set<ResourceKey> faulty = control_.ObjectsWithErrors();
  for (file::DirectorySource* source : sources) {
    const absl::StatusOr<bool> done = source->Keep(faulty, kFilesAtOnce);
    Say(done.status());
    if (!done.ok()) {
      next_ = EventLoop::Now() + kPatience;
    } else if (!*done) {
      next_ = EventLoop::Now();
    }
  }
}

void LastGoodKeeper::Say(const absl::Status& status) {
  const std::string text(status.message());
  if (!status.ok() && text != said_) spdlog::warn("last good versions are not kept for the next start: {}", text);
  said_ = text;
}

}  // namespace k8sgw
