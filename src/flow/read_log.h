// Who read what: the reason why a transform runs again.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "src/flow/graph.h"

namespace k8sgw::flow {

// Which slots of other nodes each input slot of one node has read, and the reverse. All steps take constant time.
class ReadLog {
 public:
  // One read: of a slot, or of the whole node (kNoSlot).
  struct Recorded {
    uint32_t dep;
    Slot slot;
    bool operator==(const Recorded&) const = default;
  };

  ReadLog(Graph& graph, const Node& owner);

  // A transform begins: what is recorded from here to Finish is what it reads.
  void Begin() { recorded_.clear(); }
  // The transform read `slot` of `dep`; kNoSlot stands for the whole of `dep`.
  // Reading a node that was not declared in `uses` is a programmer's error and ends the process.
  void Record(const Node& dep, Slot slot);
  // Whether `input` has read something else before.
  bool Differs(Slot input) const;
  // The transform of `input` has ended, or its input is gone and nothing was read.
  void Finish(Slot input) {
    if (Differs(input)) SetReads(input, recorded_);
  }
  // What `input` has read, and the way to make it so again.
  std::vector<Recorded> ReadsOf(Slot input) const;
  void SetReads(Slot input, const std::vector<Recorded>& reads);
  // Adds to `dirty` each input slot that read something that changed in this revision; each at most once.
  void CollectDirty(std::vector<Slot>& dirty, std::vector<bool>& is_dirty);
  // Traces that `input` runs because its own value changed.
  void Trace(Slot input, const Node& cause, Slot cause_slot);

 private:
  // A read knows its place in the reverse list, and the reverse list knows the read, so both are removed at once.
  struct Read {
    Recorded what;
    uint32_t position;
  };
  struct Reader {
    Slot input;
    uint32_t index;
  };
  // Most slots have one or two readers.
  using Readers = absl::InlinedVector<Reader, 2>;
  Readers& ReadersOf(const Recorded& read);
  void Clear(Slot input);

  Graph& graph_;
  const Node& owner_;
  std::vector<Recorded> recorded_;             // since Begin
  std::vector<std::vector<Read>> reads_;       // by input slot
  std::vector<std::vector<Readers>> readers_;  // by dep, then by slot of the dep
  std::vector<Readers> whole_;                 // by dep: readers of all of it
};

}  // namespace k8sgw::flow
