// The untyped half of the incremental core: nodes and revisions; read_log.h has who read what.
//
// A Graph is a list of nodes; a node may only use nodes declared before it, so the order of declaration is the order of
// evaluation. Every key of a node has a Slot, a small number that stands for it as long as the key has a value or a
// reader. Commit runs each node once: it re-runs exactly the transforms whose input, or whose recorded reads, changed.
// There are no threads, no clocks and no callbacks out of the graph: what changed is read after Commit.
//
// Speculate applies changes only to look at them. Each step of it leaves a note of how to take it back (OnTakeBack), so
// Restore puts the old values back without running any transform. In between, and after it, slots stay where they are,
// so a node whose results nobody looks at need not take part (LeaveOutOfSpeculation): for it nothing has happened.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace k8sgw::flow {

using Slot = uint32_t;
inline constexpr Slot kNoSlot = ~Slot{0};

class Graph;

class Node {
 public:
  // `uses` are the nodes that this one may read; each must belong to the same graph.
  Node(Graph& graph, std::string name, std::vector<const Node*> uses);
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const std::string& name() const { return name_; }
  const std::vector<const Node*>& uses() const { return uses_; }
  // The slots whose value changed in the last revision, each once, in no particular order.
  const std::vector<Slot>& changed_slots() const { return changed_; }
  // How many transforms ran in the last revision, and since the start.
  uint64_t last_runs() const { return last_runs_; }
  uint64_t total_runs() const { return total_runs_; }
  // The key of a slot in words, for Explain.
  virtual std::string SlotName(Slot slot) const = 0;
  // The node does not run in speculations. What uses it must be left out too: else the process ends.
  void LeaveOutOfSpeculation() { left_out_ = true; }

 protected:
  friend class Graph;
  friend class ReadLog;

  virtual void Run() = 0;
  // Called when the next revision begins: slots that nobody needs may be reused from here on.
  virtual void Forget() = 0;
  // A reader of another node holds on to `slot`, or lets it go.
  virtual void Hold(Slot slot) const = 0;
  virtual void Release(Slot slot) const = 0;

  void MarkChanged(Slot slot);
  void CountRun() {
    ++last_runs_;
    ++total_runs_;
  }
  bool speculating() const;
  // In a speculation, before or after a change of this node's state: `step` undoes it. Steps run in reverse order, each
  // on the very state that its change has left.
  void OnTakeBack(std::function<void()> step);

 private:
  Graph& graph_;
  std::string name_;
  std::vector<const Node*> uses_;
  std::vector<Slot> changed_;
  std::vector<bool> is_changed_;
  uint64_t last_runs_ = 0;
  uint64_t total_runs_ = 0;
  bool left_out_ = false;
};

// One transform that ran, and why.
struct Rerun {
  const Node* node = nullptr;
  Slot slot = 0;
  // What had changed: `cause` at `cause_slot`; kNoSlot when the whole collection was read.
  const Node* cause = nullptr;
  Slot cause_slot = 0;

  // "vhosts[default/a] because upstreams[default/b] changed".
  std::string ToString() const;
};

class Graph {
 public:
  // Applies what the inputs have staged, as one revision, and returns its number.
  // Not within a speculation.
  uint64_t Commit();
  // Applies what the inputs have staged to the state of the last Commit and what was kept since, in place of what was
  // speculated after that. Collections show the result, and changed_slots what differs from that state.
  void Speculate();
  // What was speculated last stays until Restore, and what is speculated next comes on top of it.
  void Keep() { kept_ = take_back_.size(); }
  // What was speculated and not kept goes at once.
  void Drop() { TakeBack(kept_); }
  // Brings back the state of the last Commit. Does nothing outside of a speculation.
  void Restore();
  bool speculating() const { return speculating_; }
  uint64_t revision() const { return revision_; }
  const std::vector<Node*>& nodes() const { return nodes_; }

  // Transforms that ran in the last revision.
  uint64_t last_runs() const;
  // Keep the reasons of each re-run of the last revision; off by default, as it costs memory in large revisions.
  void set_tracing(bool on) { tracing_ = on; }
  const std::vector<Rerun>& last_reruns() const { return reruns_; }
  // The graph in the language of Graphviz.
  std::string Dot() const;

 private:
  friend class Node;
  friend class ReadLog;

  static void CheckLeftOut(const Node& node);
  // Slots that nobody needs any more may be reused.
  void Forget();
  void Run();
  // Until only the first `steps` are left.
  void TakeBack(size_t steps);
  void ClearChanges();

  std::vector<Node*> nodes_;
  std::vector<Rerun> reruns_;
  uint64_t revision_ = 0;
  bool tracing_ = false;
  bool speculating_ = false;
  // How to take back each step of the speculation, in their order, and how many of them are kept.
  std::vector<std::function<void()>> take_back_;
  size_t kept_ = 0;
};

}  // namespace k8sgw::flow
