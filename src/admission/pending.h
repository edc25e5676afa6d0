// Changes that were allowed and are not seen yet: between the verdict and the watch that shows the object, the next
// objects of the same `kubectl apply` are judged. Pure.
//
// - A change counts until the graph has another object at its key than when it was allowed.
// - It may never be stored (another webhook refuses it), so it counts for kPatience at the most.
// - Only the newest kMostPending count, so that a flood of reviews costs a bounded time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <vector>

#include "src/model/objects.h"

namespace k8sgw::admission {

class Pending {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kPatience{3};
  static constexpr size_t kMostPending = 8;

  struct Allowed {
    Change change;
    // The hash of what the graph had at the change's key, 0 for none.
    uint64_t seen = 0;
  };

  void Add(const Allowed& allowed, Time now);
  // Drops what counts no longer; `seen_now` says what the graph has now.
  void Settle(const std::function<uint64_t(const ResourceKey&)>& seen_now, Time now);
  // In the order in which they were allowed, one for each key.
  std::vector<Change> changes() const;
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Allowed allowed;
    Time until;
  };
  std::list<Entry> entries_;
};

}  // namespace k8sgw::admission
