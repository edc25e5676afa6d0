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

}  // namespace k8sgw::flow
