// What transforms make of a collection, and how they read others.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "src/flow/collection.h"
#include "src/flow/index.h"
#include "src/flow/read_log.h"

namespace k8sgw::flow {

// Handed to a transform: the only way in which it may read, so that every read is recorded.
class Reader {
 public:
  explicit Reader(ReadLog& log) : log_(log) {}

  template <class K, class V>
  Ptr<V> Get(const Collection<K, V>& collection, const K& key) {
    const Slot slot = collection.SlotFor(key);
    log_.Record(collection, slot);
    return collection.ValueAt(slot);
  }

  template <class B, class K, class V>
  const typename Index<B, K, V>::Bucket& Find(const Index<B, K, V>& index, const B& bucket) {
    const Slot slot = index.SlotFor(bucket);
    log_.Record(index, slot);
    return index.MembersAt(slot);
  }

  // For small collections only: any change re-runs the transform.
  template <class K, class V>
  const Collection<K, V>& All(const Collection<K, V>& collection) {
    log_.Record(collection, kNoSlot);
    return collection;
  }

 private:
  ReadLog& log_;
};

// The results of a transform: for each input any number of keyed outputs. When several inputs emit the same key, the
// smallest input key wins, so the result does not depend on the order of events.
template <class IK, class IV, class OK, class OV>
class Derived final : public Collection<OK, OV> {
 public:
  class Output {
   public:
    void Emit(OK key, OV value) { Emit(std::move(key), std::make_shared<const OV>(std::move(value))); }
    void Emit(OK key, Ptr<OV> value) { emitted_.emplace_back(std::move(key), std::move(value)); }

   private:
    friend class Derived;
    std::vector<std::pair<OK, Ptr<OV>>> emitted_;
  };
  using Fn = std::function<void(Reader&, const IK&, const IV&, Output&)>;

  // `reads` are the nodes, besides `in`, that `fn` reads through its Reader.
  Derived(Graph& graph, std::string name, const Collection<IK, IV>& in, std::vector<const Node*> reads, Fn fn)
      : Collection<OK, OV>(graph, std::move(name), WithInput(in, std::move(reads))),
        in_(in),
        fn_(std::move(fn)),
        log_(graph, *this) {}

 private:
  struct Claim {
    Slot input;
    Ptr<OV> value;
  };
  // What an input emitted: keys, by their slots, and values.
  using Emitted = std::vector<std::pair<Slot, Ptr<OV>>>;

  static std::vector<const Node*> WithInput(const Node& in, std::vector<const Node*> reads) {
    reads.insert(reads.begin(), &in);
    return reads;
  }

  void Run() override {
    std::vector<Slot> dirty;
    for (Slot slot : in_.changed_slots()) {
      if (slot >= is_dirty_.size()) is_dirty_.resize(slot + 1);
      is_dirty_[slot] = true;
      dirty.push_back(slot);
      log_.Trace(slot, in_, slot);
    }
    log_.CollectDirty(dirty, is_dirty_);
    std::vector<Slot> touched;
    for (Slot slot : dirty) {
      is_dirty_[slot] = false;
      RunOne(slot, touched);
    }
    for (Slot out : touched) Settle(out);
  }

  void RunOne(Slot input, std::vector<Slot>& touched) {
    log_.Begin();
    Emitted emitted;
    if (const Ptr<IV>& value = in_.ValueAt(input)) {
      this->CountRun();
      Reader reader(log_);
      Output output;
      fn_(reader, in_.KeyOf(input), *value, output);
      emitted.reserve(output.emitted_.size());
      for (auto& [key, result] : output.emitted_) emitted.emplace_back(this->SlotFor(key), std::move(result));
    }
    FinishReads(input);
    if (input >= outputs_.size()) outputs_.resize(input + 1);
    // Nearly every run emits the one key that it emitted before.
    if (Claim* claim = OnlyClaim(input, emitted)) {
      touched.push_back(emitted.front().first);
      return Exchange(input, *claim, std::move(emitted.front().second));
    }
    if (this->speculating()) {
      this->OnTakeBack([this, input, before = EmittedBy(input)] { SetEmitted(input, before); });
    }
    touched.insert(touched.end(), outputs_[input].begin(), outputs_[input].end());
    SetEmitted(input, std::move(emitted));
    touched.insert(touched.end(), outputs_[input].begin(), outputs_[input].end());
  }

  void FinishReads(Slot input) {
    if (this->speculating() && log_.Differs(input)) {
      this->OnTakeBack([this, input, reads = log_.ReadsOf(input)] { log_.SetReads(input, reads); });
    }
    log_.Finish(input);
  }

  // The claim of `input`, when it has one alone, for the very key that `emitted` has alone; else nullptr.
  Claim* OnlyClaim(Slot input, const Emitted& emitted) {
    const auto& outputs = outputs_[input];
    if (emitted.size() != 1 || outputs.size() != 1 || outputs.front() != emitted.front().first) return nullptr;
    return &ClaimOf(input, outputs.front());
  }

  // `input` claims the key.
  Claim& ClaimOf(Slot input, Slot out) {
    auto& claims = claims_[out];
    return *std::find_if(claims.begin(), claims.end(), [&](const Claim& claim) { return claim.input == input; });
  }

  void Exchange(Slot input, Claim& claim, Ptr<OV> value) {
    std::swap(claim.value, value);
    if (!this->speculating()) return;
    this->OnTakeBack(
        [this, input, before = std::move(value)] { ClaimOf(input, outputs_[input].front()).value = before; });
  }

  Emitted EmittedBy(Slot input) const {
    Emitted emitted;
    const auto& outputs = outputs_[input];
    for (auto out = outputs.begin(); out != outputs.end(); ++out) {
      // A key that was emitted twice has two claims.
      if (std::find(outputs.begin(), out, *out) != out) continue;
      for (const Claim& claim : claims_[*out]) {
        if (claim.input == input) emitted.emplace_back(*out, claim.value);
      }
    }
    return emitted;
  }

  // From now on, `input` claims these keys.
  void SetEmitted(Slot input, Emitted emitted) {
    for (Slot out : outputs_[input]) {
      auto& claims = claims_[out];
      claims.erase(
          std::remove_if(claims.begin(), claims.end(), [&](const Claim& claim) { return claim.input == input; }),
          claims.end());
    }
    outputs_[input].clear();
    if (claims_.size() < this->slot_count()) claims_.resize(this->slot_count());
    for (auto& [out, value] : emitted) {
      claims_[out].push_back({input, std::move(value)});
      outputs_[input].push_back(out);
    }
  }

  void Settle(Slot out) {
    Claim* winner = nullptr;
    for (Claim& claim : claims_[out]) {
      if (!winner || in_.KeyOf(claim.input) < in_.KeyOf(winner->input)) winner = &claim;
    }
    this->Set(out, winner ? winner->value : nullptr);
    // Of two that are equal the older one is kept, once. (What is taken back soon need not be.)
    if (winner && !this->speculating()) winner->value = this->ValueAt(out);
    if (!winner) this->MarkIdle(out);
  }

  const Collection<IK, IV>& in_;
  Fn fn_;
  ReadLog log_;
  std::vector<bool> is_dirty_;
  std::vector<absl::InlinedVector<Slot, 2>> outputs_;  // by input slot
  std::vector<absl::InlinedVector<Claim, 1>> claims_;  // by output slot
};

}  // namespace k8sgw::flow
