#include "src/cmd/last_good.h"

#include <filesystem>

#include "src/base/hash.h"

namespace k8sgw {
namespace {

constexpr size_t kFilesAtOnce = 200;

}  // namespace

void LastGoodKeeper::Attach(file::DirectorySource& source) {
  if (!enabled()) return;
  std::error_code error;
  const std::string folder = std::filesystem::absolute(source.root(), error).lexically_normal().string();
  auto texts = state::LastGoodTexts::Open(state_dir_ + "/last-good-" + HexHash(Hash64(folder)), &KeepTimer::Warn);
  if (!texts.ok()) return timer_.Say(texts.status());
  source.KeepIn(std::move(*texts));
}

void LastGoodKeeper::Touch() {
  if (enabled()) timer_.Changed();
}

void LastGoodKeeper::Keep(const std::set<file::DirectorySource*>& sources) {
  timer_.Begin();
  const std::set<ResourceKey> faulty = control_.ObjectsWithErrors();
  for (file::DirectorySource* source : sources) timer_.Wrote(source->Keep(faulty, kFilesAtOnce));
}

}  // namespace k8sgw
