// The newest accepted values of a collection.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "src/flow/collection.h"

namespace k8sgw::flow {

// A value that may be refused: what LastGood chooses from.
template <class V>
struct Candidate {
  Ptr<V> value;
  bool accepted = false;
};

// The newest accepted value of each key, as `judge` finds it in the input: while the input is refused, the value
// accepted before it stays; when the input is gone, so is the value. The only node with a memory, which speculations do
// not change: all that is speculated is judged as if it came with the next commit. Remember restores the memory, so
// that a result can be computed from scratch, or after a restart.
template <class K, class In, class V>
class LastGood final : public Collection<K, V> {
 public:
  using Judge = std::function<Candidate<V>(const In&)>;

  LastGood(Graph& graph, std::string name, const Collection<K, In>& in, Judge judge)
      : Collection<K, V>(graph, std::move(name), {&in}), in_(in), judge_(std::move(judge)) {}

  // Before the first Commit that brings an input for `key`: what was accepted earlier.
  void Remember(const K& key, Ptr<V> value) { memory_[key] = std::move(value); }

 private:
  void Run() override {
    for (Slot slot : in_.changed_slots()) {
      const K& key = in_.KeyOf(slot);
      Choose(key, in_.ValueAt(slot), Before(slot, key));
      if (!this->speculating()) memory_.erase(key);
    }
  }

  // The value of `key` when the last commit ended.
  Ptr<V> Before(Slot slot, const K& key) {
    if (!this->speculating()) return this->Get(key);
    const auto [before, first] = before_.try_emplace(slot, nullptr);
    if (first) {
      before->second = this->Get(key);
      this->OnTakeBack([this, slot] { before_.erase(slot); });
    }
    return before->second;
  }

  // The value of `key`, which was `before` when the last commit ended.
  void Choose(const K& key, const Ptr<In>& input, const Ptr<V>& before) {
    const Slot out = this->SlotFor(key);
    Ptr<V> value;
    if (input) {
      Candidate<V> candidate = judge_(*input);
      const auto remembered = memory_.find(key);
      if (candidate.accepted) {
        value = std::move(candidate.value);
      } else if (before || remembered == memory_.end()) {
        value = before;
      } else {
        value = remembered->second;
      }
    }
    if (!value) this->MarkIdle(out);
    this->Set(out, std::move(value));
  }

  const Collection<K, In>& in_;
  const Judge judge_;
  std::map<K, Ptr<V>> memory_;
  // While speculating: the value, before that, of each key that it touched; by the slot of the input.
  std::map<Slot, Ptr<V>> before_;
};

}  // namespace k8sgw::flow
