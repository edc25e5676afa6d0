#include "src/admission/pending.h"

namespace k8sgw::admission {

void Pending::Add(const Change& change, uint64_t seen, Time now) {
  entries_.remove_if([&](const Entry& entry) { return entry.change.key == change.key; });
  entries_.push_back({change, seen, now + kPatience});
  if (entries_.size() > kMostPending) entries_.pop_front();
}

void Pending::Settle(const std::function<uint64_t(const ResourceKey&)>& seen_now, Time now) {
  entries_.remove_if(
      [&](const Entry& entry) { return now >= entry.until || seen_now(entry.change.key) != entry.seen; });
}

std::vector<Change> Pending::changes() const {
  std::vector<Change> changes;
  for (const Entry& entry : entries_) changes.push_back(entry.change);
  return changes;
}

}  // namespace k8sgw::admission
