// Deadlines of one kind, of all streams: each stream has one at most, and knows it.
#pragma once

#include <optional>
#include <set>
#include <utility>

#include "src/xds/engine.h"

namespace k8sgw::xds {

class Deadlines {
 public:
  // `ends` is the stream's own note of it.
  void Begin(std::optional<Time>& ends, Time at, StreamId id) {
    ends = at;
    all_.emplace(at, id);
  }
  void End(std::optional<Time>& ends, StreamId id) {
    if (ends) all_.erase({*ends, id});
    ends.reset();
  }
  std::optional<Time> First() const { return all_.empty() ? std::nullopt : std::optional(all_.begin()->first); }
  // The stream whose time is over first, if any is.
  std::optional<StreamId> Due(Time now) const {
    return !all_.empty() && all_.begin()->first <= now ? std::optional(all_.begin()->second) : std::nullopt;
  }
  // The time of the first one is over; the stream keeps its note, to know so.
  void Forget() { all_.erase(all_.begin()); }

 private:
  std::set<std::pair<Time, StreamId>> all_;
};

}  // namespace k8sgw::xds
