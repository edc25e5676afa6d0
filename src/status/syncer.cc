#include "src/status/syncer.h"

#include <algorithm>
#include <cmath>

namespace k8sgw::status {
namespace {

// What the watch tells may be older than what a write has put there, and the next write must take that away, too.
void AddSubresources(const std::vector<Name>& others, Found& found) {
  for (const Name& name : others) {
    if (std::ranges::find(found.subresources, name) == found.subresources.end()) found.subresources.push_back(name);
  }
}

}  // namespace

Syncer::Syncer(SyncOptions options, kube::RandomFraction random)
    : options_(options), random_(std::move(random)), limit_(options.rate) {}

bool Syncer::Observe(Time now, const ResourceKey& object, const std::string& uid, Found found) {
  const auto [it, fresh] = records_.try_emplace(object);
  Record& record = it->second;
  const bool another = !fresh && record.uid != uid;
  if (another) {
    Withdraw(object, record);
    record = {};
  }
  record.uid = uid;
  if (found.hash != record.desired) AddSubresources(record.found.subresources, found);
  record.found = std::move(found);
  record.seen_since = true;
  Place(now, object, record);
  return fresh || another;
}

void Syncer::Gone(const ResourceKey& object) {
  const auto it = records_.find(object);
  if (it == records_.end()) return;
  Withdraw(object, it->second);
  records_.erase(it);
}

void Syncer::Desire(Time now, const ResourceKey& object, uint64_t hash) {
  const auto it = records_.find(object);
  if (it == records_.end() || it->second.desired == hash) return;
  Record& record = it->second;
  record.desired = hash;
  if (record.waiting) Withdraw(object, record);
  record.tries = 0;
  record.not_before = std::min(record.not_before, record.sent + options_.object.first);
  Place(now, object, record);
}

void Syncer::SetLeading(Time now, bool leading) {
  if (leading == leading_) return;
  leading_ = leading;
  for (auto& [object, record] : records_) {
    Withdraw(object, record);
    record.tries = 0;
    record.not_before = {};
    Place(now, object, record);
  }
}

bool Syncer::Needs(const Record& record) const {
  return leading_ && record.flight == 0 && record.desired != 0 && record.desired != record.found.hash;
}

void Syncer::Place(Time now, const ResourceKey& object, Record& record) {
  if (!Needs(record)) return Withdraw(object, record);
  if (record.turn != 0 || record.waiting) return;
  if (record.not_before > now) {
    record.waiting = waiting_.emplace(record.not_before, object).second;
    return;
  }
  record.turn = ++last_turn_;
  LaneOf(object.kind).due[object.ns].emplace(record.turn, object.name);
}

void Syncer::Withdraw(const ResourceKey& object, Record& record) {
  if (record.waiting) waiting_.erase({record.not_before, object});
  record.waiting = false;
  if (record.turn == 0) return;
  auto& due = LaneOf(object.kind).due;
  const auto names = due.find(object.ns);
  names->second.erase(record.turn);
  if (names->second.empty()) due.erase(names);
  record.turn = 0;
}

void Syncer::Wake(Time now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const ResourceKey object = waiting_.begin()->second;
    Record& record = records_.at(object);
    Withdraw(object, record);
    Place(now, object, record);
  }
}

Syncer::Lane& Syncer::LaneOf(Kind kind) {
  const auto it = lanes_.find(kind);
  if (it != lanes_.end()) return it->second;
  return lanes_.emplace(kind, Lane(kube::Backoff(options_.kind, random_))).first->second;
}

Syncer::Lane* Syncer::NextLane(Time now) {
  auto it = lanes_.upper_bound(last_kind_);
  for (size_t i = 0; i < lanes_.size(); ++i, ++it) {
    if (it == lanes_.end()) it = lanes_.begin();
    if (!MaySend(it->second) || it->second.closed_until > now) continue;
    last_kind_ = it->first;
    return &it->second;
  }
  return nullptr;
}

ResourceKey Syncer::TakeTurn(Kind kind, Lane& lane) {
  auto names = lane.due.upper_bound(lane.last_namespace);
  if (names == lane.due.end()) names = lane.due.begin();
  lane.last_namespace = names->first;
  return {kind, names->first, names->second.begin()->second};
}

std::optional<Syncer::Write> Syncer::Next(Time now) {
  if (!leading_ || flights_.size() >= options_.in_flight) return std::nullopt;
  Wake(now);
  if (!limit_.Ready(now)) return std::nullopt;
  Lane* const lane = NextLane(now);
  if (lane == nullptr) return std::nullopt;
  limit_.Take();
  const ResourceKey object = TakeTurn(last_kind_, *lane);
  Record& record = records_.at(object);
  Withdraw(object, record);
  if (now - record.sent > options_.object.forget_after) record.tries = 0;
  if (record.tries++ > 0) ++counters_.retried;
  record.seen_since = false;
  record.sent = now;
  record.not_before = now + Pause(record.tries);
  record.flight = ++last_id_;
  flights_.emplace(record.flight, object);
  ++lane->in_flight;
  return Write{record.flight, object, record.uid, record.found};
}

Syncer::Duration Syncer::Pause(int tries) const {
  const auto& pause = options_.object;
  // None, when a new verdict has come while one was under way.
  const Duration wait = pause.first * (1LL << std::clamp(tries - 1, 0, 30));
  return std::chrono::duration_cast<Duration>(std::min(wait, pause.longest) * (0.5 + random_()));
}

void Syncer::OnResult(Time now, uint64_t id, const Outcome& outcome) {
  const auto flight = flights_.find(id);
  if (flight == flights_.end()) return;
  const ResourceKey object = flight->second;
  flights_.erase(flight);
  --LaneOf(object.kind).in_flight;
  const bool written = outcome.kind == Outcome::Kind::kWritten;
  ++(written ? counters_.written : counters_.failed);
  const auto it = records_.find(object);
  if (it != records_.end() && it->second.flight == id) {
    Record& record = it->second;
    record.flight = 0;
    // What the watch has told meanwhile may be newer than the answer. If it is older, the write's own event follows.
    if (written && !record.seen_since) {
      record.found = outcome.found;
    } else if (written) {
      AddSubresources(outcome.found.subresources, record.found);
    }
    if (!written) {
      Duration pause = std::max(Pause(record.tries), outcome.retry_after);
      if (outcome.kind == Outcome::Kind::kMissing) pause = std::max(pause, options_.missing);
      // Its kind is paused too; when an outage is over, nobody must wait for long.
      if (outcome.kind == Outcome::Kind::kFailed)
        pause = std::max(std::min(pause, options_.kind.longest), outcome.retry_after);
      record.not_before = now + pause;
    }
    Place(now, object, record);
  }
  Judge(now, object.kind, outcome);
}

void Syncer::Judge(Time now, Kind kind, const Outcome& outcome) {
  Lane& lane = LaneOf(kind);
  if (outcome.kind != Outcome::Kind::kFailed) {
    if (std::exchange(lane.failures, 0) > 0) lane.backoff = kube::Backoff(options_.kind, random_);
    return;
  }
  // Of those that were under way together, only the first counts.
  if (lane.closed_until > now) return;
  ++lane.failures;
  lane.closed_until = now + std::max(lane.backoff.Next(now), outcome.retry_after);
}

std::optional<Syncer::Time> Syncer::deadline() const {
  if (flights_.size() >= options_.in_flight) return std::nullopt;
  std::optional<Time> next;
  const auto no_later_than = [&](Time time) { next = std::min(next.value_or(time), time); };
  if (!waiting_.empty()) no_later_than(waiting_.begin()->first);
  for (const auto& [kind, lane] : lanes_) {
    if (MaySend(lane)) no_later_than(std::max(lane.closed_until, limit_.next()));
  }
  return next;
}

Syncer::Counters Syncer::counters() const {
  Counters counters = counters_;
  for (const auto& [kind, lane] : lanes_) {
    for (const auto& [ns, names] : lane.due) counters.due += names.size();
  }
  counters.waiting = waiting_.size();
  counters.in_flight = flights_.size();
  return counters;
}

}  // namespace k8sgw::status
