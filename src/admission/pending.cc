#include "src/admission/pending.h"

namespace k8sgw::admission {

void Pending::Add(const Allowed& allowed, Time now) {
  entries_.remove_if([&](const Entry& entry) { return entry.allowed.change.key == allowed.change.key; });
  entries_.push_back({allowed, now + kPatience});
  if (entries_.size() > kMostPending) entries_.pop_front();
}

void Pending::Settle(const std::function<uint64_t(const ResourceKey&)>& seen_now, Time now) {
  entries_.remove_if([&](const Entry& entry) {
    return now >= entry.until || seen_now(entry.allowed.change.key) != entry.allowed.seen;
  });
}

std::vector<Change> Pending::changes() const {
  std::vector<Change> changes;
  for (const Entry& entry : entries_) changes.push_back(entry.allowed.change);
  return changes;
}

}  // namespace k8sgw::admission
