#include "src/admission/connections.h"

namespace k8sgw::admission {

void Connections::Cut(Entry& entry) {
  entry.phase = Phase::kCut;
  bytes_ -= entry.bytes;
  entry.bytes = 0;
  ++counters_.cut_off;
}

std::optional<Connections::Id> Connections::Open(Id id, Time now) {
  ++counters_.connections;
  Entry& opened = entries_[id];
  opened.since = now;
  size_t open = 0;
  std::optional<Id> longest;
  for (const auto& [other, entry] : entries_) {
    open += entry.phase != Phase::kCut;
    if (entry.phase == Phase::kIdle && (!longest || entry.since < entries_[*longest].since)) longest = other;
  }
  if (open <= limits_.most) return std::nullopt;
  const Id victim = longest.value_or(id);
  Cut(entries_[victim]);
  return victim;
}

void Connections::Close(Id id) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  bytes_ -= it->second.bytes;
  entries_.erase(it);
}

bool Connections::OnBytes(Id id, size_t bytes, Time now) {
  Entry& entry = entries_[id];
  if (entry.phase == Phase::kCut) return true;
  if (entry.phase == Phase::kIdle) {
    entry.phase = Phase::kReading;
    entry.since = now;
  }
  entry.bytes += bytes;
  bytes_ += bytes;
  if (bytes_ <= limits_.request_bytes) return true;
  Cut(entry);
  return false;
}

void Connections::OnRequest(Id id) {
  Entry& entry = entries_[id];
  if (entry.phase == Phase::kCut) return;
  entry.phase = Phase::kAnswering;
  bytes_ -= entry.bytes;
  entry.bytes = 0;
}

void Connections::OnAnswer(Id id, Time now) {
  const auto it = entries_.find(id);
  if (it == entries_.end() || it->second.phase != Phase::kAnswering) return;
  it->second.phase = Phase::kIdle;
  it->second.since = now;
}

std::vector<Connections::Id> Connections::TakeLate(Time now) {
  std::vector<Id> late;
  for (auto& [id, entry] : entries_) {
    if (entry.phase != Phase::kReading || now - entry.since < limits_.request_time) continue;
    Cut(entry);
    late.push_back(id);
  }
  return late;
}

}  // namespace k8sgw::admission
