#include "src/flow/graph.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace k8sgw::flow {

Node::Node(Graph& graph, std::string name, std::vector<const Node*> uses)
    : graph_(graph), name_(std::move(name)), uses_(std::move(uses)) {
  graph.nodes_.push_back(this);
}

bool Node::speculating() const { return graph_.speculating_; }

void Node::OnTakeBack(std::function<void()> step) { graph_.take_back_.push_back(std::move(step)); }

void Node::MarkChanged(Slot slot) {
  if (slot >= is_changed_.size()) is_changed_.resize(slot + 1);
  if (is_changed_[slot]) return;
  is_changed_[slot] = true;
  changed_.push_back(slot);
}

void Graph::CheckLeftOut(const Node& node) {
  if (node.left_out_) return;
  for (const Node* dep : node.uses()) {
    if (!dep->left_out_) continue;
    std::fprintf(stderr, "flow: %s uses %s, which is left out of speculations\n", node.name().c_str(),
                 dep->name().c_str());
    std::abort();
  }
}

void Graph::Forget() {
  for (Node* node : nodes_) node->Forget();
}

void Graph::ClearChanges() {
  reruns_.clear();
  for (Node* node : nodes_) {
    for (Slot slot : node->changed_) node->is_changed_[slot] = false;
    node->changed_.clear();
    node->last_runs_ = 0;
  }
}

void Graph::Run() {
  ClearChanges();
  for (Node* node : nodes_) {
    if (!speculating_ || !node->left_out_) node->Run();
  }
}

void Graph::TakeBack(size_t steps) {
  for (; take_back_.size() > steps; take_back_.pop_back()) take_back_.back()();
  ClearChanges();
}

uint64_t Graph::Commit() {
  if (speculating_) {
    std::fprintf(stderr, "flow: Commit within a speculation\n");
    std::abort();
  }
  ++revision_;
  Forget();
  Run();
  return revision_;
}

void Graph::Speculate() {
  if (!speculating_) {
    for (const Node* node : nodes_) CheckLeftOut(*node);
    Forget();
  }
  speculating_ = true;
  TakeBack(kept_);
  Run();
}

void Graph::Restore() {
  if (!speculating_) return;
  TakeBack(0);
  kept_ = 0;
  speculating_ = false;
}

uint64_t Graph::last_runs() const {
  uint64_t runs = 0;
  for (const Node* node : nodes_) runs += node->last_runs();
  return runs;
}

std::string Rerun::ToString() const {
  std::string text = node->name() + "[" + node->SlotName(slot) + "] because " + cause->name();
  if (cause_slot != kNoSlot) text += "[" + cause->SlotName(cause_slot) + "]";
  return text + " changed";
}

std::string Graph::Dot() const {
  std::string text = "digraph flow {\n";
  for (const Node* node : nodes_) {
    text += "  \"" + node->name() + "\";\n";
    for (const Node* dep : node->uses()) text += "  \"" + dep->name() + "\" -> \"" + node->name() + "\";\n";
  }
  return text + "}\n";
}

ReadLog::ReadLog(Graph& graph, const Node& owner)
    : graph_(graph), owner_(owner), readers_(owner.uses().size()), whole_(owner.uses().size()) {}

ReadLog::Readers& ReadLog::ReadersOf(uint32_t dep, Slot slot) {
  if (slot == kNoSlot) return whole_[dep];
  auto& by_slot = readers_[dep];
  if (slot >= by_slot.size()) by_slot.resize(slot + 1);
  return by_slot[slot];
}

void ReadLog::Record(Slot input, const Node& dep, Slot slot) {
  const auto& uses = owner_.uses();
  const auto it = std::find(uses.begin(), uses.end(), &dep);
  if (it == uses.end()) {
    std::fprintf(stderr, "flow: %s reads %s without declaring it\n", owner_.name().c_str(), dep.name().c_str());
    std::abort();
  }
  Add(input, {static_cast<uint32_t>(it - uses.begin()), slot});
}

void ReadLog::Add(Slot input, Recorded read) {
  if (input >= reads_.size()) reads_.resize(input + 1);
  auto& readers = ReadersOf(read.dep, read.slot);
  readers.push_back({input, static_cast<uint32_t>(reads_[input].size())});
  reads_[input].push_back({read.dep, read.slot, static_cast<uint32_t>(readers.size() - 1)});
  if (read.slot != kNoSlot) owner_.uses()[read.dep]->Hold(read.slot);
}

std::vector<ReadLog::Recorded> ReadLog::ReadsOf(Slot input) const {
  std::vector<Recorded> out;
  if (input >= reads_.size()) return out;
  for (const Read& read : reads_[input]) out.push_back({read.dep, read.slot});
  return out;
}

void ReadLog::SetReads(Slot input, const std::vector<Recorded>& reads) {
  Clear(input);
  for (const Recorded& read : reads) Add(input, read);
  Finish(input);
}

void ReadLog::Clear(Slot input) {
  if (input >= reads_.size()) return;
  auto& reads = reads_[input];
  // Backwards, so that an entry moved into a hole never belongs to a read that is already gone.
  while (!reads.empty()) {
    const Read read = reads.back();
    auto& readers = ReadersOf(read.dep, read.slot);
    const Reader moved = readers.back();
    readers[read.position] = moved;
    reads_[moved.input][moved.index].position = read.position;
    readers.pop_back();
    reads.pop_back();
    if (read.slot != kNoSlot) owner_.uses()[read.dep]->Release(read.slot);
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
