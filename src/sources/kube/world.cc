#include "src/sources/kube/world.h"

#include <algorithm>

#include "src/base/hash.h"
#include "src/base/text.h"

namespace k8sgw::kube {
namespace {

constexpr size_t kBlockBytes = 1 << 20;

std::string KeyOf(const ObjectMeta& meta) { return Cat(meta.namespace_, "/", meta.name); }

}  // namespace

bool World::Upsert(const RawObject& object) {
  const uint64_t hash = Hash64(object.json);
  const auto [it, added] = known_.try_emplace(KeyOf(object.meta), hash);
  if (!added && it->second == hash) return false;
  it->second = hash;
  return true;
}

bool World::Delete(const ObjectMeta& meta) { return known_.erase(KeyOf(meta)) > 0; }

void World::Stage(const RawObject& object, const Prepare& prepare) {
  std::string key = KeyOf(object.meta);
  const uint64_t hash = Hash64(object.json);
  const auto known = known_.find(key);
  Staged staged{hash, kKnown};
  if (known == known_.end() || known->second != hash) {
    staged.index = staged_events_.size();
    Event& event = staged_events_.emplace_back(Event{Event::Kind::kUpsert, {object.meta, Copy(object.json)}});
    if (prepare) event.prepared = prepare(event.object);
  }
  staged_.insert_or_assign(std::move(key), staged);
}

void World::StageDelete(const ObjectMeta& meta) { staged_.erase(KeyOf(meta)); }

void World::DropStage() {
  staged_.clear();
  staged_events_.clear();
}

void World::FreeCommitted() {
  if (staged_events_.empty()) blocks_.clear();
}

Batch World::Commit() {
  Batch batch;
  batch.sync = true;
  for (size_t i = 0; i < staged_events_.size(); ++i) {
    // Another version, or its end, may have come after this one.
    const auto last = staged_.find(KeyOf(staged_events_[i].object.meta));
    if (last != staged_.end() && last->second.index == i) batch.events.push_back(std::move(staged_events_[i]));
  }
  std::vector<std::string> gone;
  for (const auto& [key, hash] : known_) {
    if (!staged_.contains(key)) gone.push_back(key);
  }
  std::sort(gone.begin(), gone.end());
  for (const std::string& key : gone) {
    const size_t slash = key.find('/');
    Event event{Event::Kind::kDelete, {}};
    event.object.meta.namespace_ = key.substr(0, slash);
    event.object.meta.name = key.substr(slash + 1);
    batch.events.push_back(std::move(event));
  }
  known_.clear();
  known_.reserve(staged_.size());
  for (auto& [key, staged] : staged_) known_.emplace(key, staged.hash);
  staged_.clear();
  staged_events_.clear();
  return batch;
}

std::string_view World::Copy(std::string_view text) {
  const size_t needed = text.size() + kJsonPadding;
  if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < needed)
    blocks_.emplace_back().reserve(std::max(kBlockBytes, needed));
  // Within the capacity, so that earlier copies stay where they are.
  std::string& block = blocks_.back();
  const size_t begin = block.size();
  block.append(text).append(kJsonPadding, ' ');
  return std::string_view(block).substr(begin, text.size());
}

}  // namespace k8sgw::kube
