#include "src/http/connections.h"

#include <algorithm>

namespace k8sgw::http {

void Connections::Cut(Entry& entry) {
  entry.phase = Phase::kCut;
  bytes_ -= entry.bytes;
  entry.bytes = 0;
  ++counters_.cut_off;
}

size_t Connections::CountOpen() const {
  return static_cast<size_t>(
      std::ranges::count_if(entries_, [](const auto& entry) { return entry.second.phase != Phase::kCut; }));
}

std::optional<Connections::Id> Connections::FindVictim(Time now) const {
  std::optional<Id> idle;
  std::optional<Id> slow;
  const auto keep_oldest = [this](std::optional<Id>& oldest, Id id, const Entry& entry) {
    if (!oldest || entry.since < entries_.at(*oldest).since) oldest = id;
  };
  for (const auto& [id, entry] : entries_) {
    if (now - entry.since < limits_.patience) continue;
    if (entry.phase == Phase::kIdle) keep_oldest(idle, id, entry);
    if (entry.phase == Phase::kReading) keep_oldest(slow, id, entry);
  }
  return idle ? idle : slow;
}

std::optional<Connections::Id> Connections::Open(Id id, Time now) {
  ++counters_.connections;
  Entry& opened = entries_[id];
  opened.since = now;
  if (CountOpen() <= limits_.most) return std::nullopt;
  const Id victim = FindVictim(now).value_or(id);
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

}  // namespace k8sgw::http
