#include "src/flow/read_log.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace k8sgw::flow {

ReadLog::ReadLog(Graph& graph, const Node& owner)
    : graph_(graph), owner_(owner), readers_(owner.uses().size()), whole_(owner.uses().size()) {}

ReadLog::Readers& ReadLog::ReadersOf(const Recorded& read) {
  if (read.slot == kNoSlot) return whole_[read.dep];
  auto& by_slot = readers_[read.dep];
  if (read.slot >= by_slot.size()) by_slot.resize(read.slot + 1);
  return by_slot[read.slot];
}

void ReadLog::Record(const Node& dep, Slot slot) {
  const auto& uses = owner_.uses();
  const auto it = std::find(uses.begin(), uses.end(), &dep);
  if (it == uses.end()) {
    std::fprintf(stderr, "flow: %s reads %s without declaring it\n", owner_.name().c_str(), dep.name().c_str());
    std::abort();
  }
  recorded_.push_back({static_cast<uint32_t>(it - uses.begin()), slot});
}

bool ReadLog::Differs(Slot input) const {
  if (input >= reads_.size()) return !recorded_.empty();
  const auto& reads = reads_[input];
  return !std::equal(reads.begin(), reads.end(), recorded_.begin(), recorded_.end(),
                     [](const Read& read, const Recorded& recorded) { return read.what == recorded; });
}

std::vector<ReadLog::Recorded> ReadLog::ReadsOf(Slot input) const {
  std::vector<Recorded> out;
  if (input >= reads_.size()) return out;
  for (const Read& read : reads_[input]) out.push_back(read.what);
  return out;
}

void ReadLog::SetReads(Slot input, const std::vector<Recorded>& reads) {
  Clear(input);
  if (input >= reads_.size()) reads_.resize(input + 1);
  reads_[input].reserve(reads.size());
  for (const Recorded& read : reads) {
    auto& readers = ReadersOf(read);
    readers.push_back({input, static_cast<uint32_t>(reads_[input].size())});
    reads_[input].push_back({read, static_cast<uint32_t>(readers.size() - 1)});
    if (read.slot != kNoSlot) owner_.uses()[read.dep]->Hold(read.slot);
  }
  reads_[input].shrink_to_fit();
}

void ReadLog::Clear(Slot input) {
  if (input >= reads_.size()) return;
  auto& reads = reads_[input];
  // Backwards, so that an entry moved into a hole never belongs to a read that is already gone.
  while (!reads.empty()) {
    const Read read = reads.back();
    auto& readers = ReadersOf(read.what);
    const Reader moved = readers.back();
    readers[read.position] = moved;
    reads_[moved.input][moved.index].position = read.position;
    readers.pop_back();
    reads.pop_back();
    if (read.what.slot != kNoSlot) owner_.uses()[read.what.dep]->Release(read.what.slot);
  }
}

void ReadLog::CollectDirty(std::vector<Slot>& dirty, std::vector<bool>& is_dirty) {
  const auto add = [&](const Readers& readers, const Node& cause, Slot cause_slot) {
    for (const Reader& reader : readers) {
      if (reader.input >= is_dirty.size()) is_dirty.resize(reader.input + 1);
      if (is_dirty[reader.input]) continue;
      is_dirty[reader.input] = true;
      dirty.push_back(reader.input);
      Trace(reader.input, cause, cause_slot);
    }
  };
  for (size_t dep = 0; dep < owner_.uses().size(); ++dep) {
    const Node& node = *owner_.uses()[dep];
    if (node.changed_slots().empty()) continue;
    add(whole_[dep], node, kNoSlot);
    for (Slot slot : node.changed_slots()) {
      if (slot < readers_[dep].size()) add(readers_[dep][slot], node, slot);
    }
  }
}

void ReadLog::Trace(Slot input, const Node& cause, Slot cause_slot) {
  if (graph_.tracing_) graph_.reruns_.push_back({&owner_, input, &cause, cause_slot});
}

}  // namespace k8sgw::flow
