// Typed collections over the graph: Input, Derived, Index and LastGood.
//
//   flow::Graph graph;
//   flow::Input<UpstreamRef, Upstream> upstreams(graph, "upstreams");
//   flow::Derived<UpstreamRef, Upstream, std::string, Cluster> clusters(
//       graph, "clusters", upstreams, {},
//       [](flow::Reader&, const UpstreamRef& ref, const Upstream& upstream, auto& out) {
//         out.Emit(ClusterName(ref), MakeCluster(upstream));
//       });
//   upstreams.Put(ref, upstream);
//   graph.Commit();
//   clusters.ForEachChanged([](const std::string& name, const Ptr<Cluster>& now) { … });
//
// Keys are ordered and copyable; values have operator==, and a result that is equal to the one before is no change.
// Iteration is in key order, always, so equal input gives equal output whatever the history.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/hash/hash.h"
#include "src/base/ptr.h"
#include "src/flow/graph.h"

namespace k8sgw::flow {

template <class K>
std::string KeyName(const K& key) {
  if constexpr (requires { key.ToString(); }) {
    return key.ToString();
  } else if constexpr (requires(std::ostringstream& out) { out << key; }) {
    std::ostringstream out;
    out << key;
    return out.str();
  } else {
    return "?";
  }
}

// Keys with slots: what collections and indexes have in common. Keys have an order and a hash (AbslHashValue).
template <class K>
class KeyedNode : public Node {
 public:
  std::string SlotName(Slot slot) const override { return slots_[slot].used ? KeyName(slots_[slot].key) : "?"; }

 protected:
  using Node::Node;
  friend class Reader;

  Slot FindSlot(const K& key) const {
    auto it = by_key_.find(key);
    return it == by_key_.end() ? kNoSlot : *it;
  }

  // The slot of `key`, new if need be. Const, as readers of absent keys make slots too.
  Slot SlotFor(const K& key) const {
    if (const Slot known = FindSlot(key); known != kNoSlot) return known;
    Slot slot = static_cast<Slot>(slots_.size());
    if (free_.empty()) {
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    slots_[slot] = {key, 0, true};
    by_key_.insert(slot);
    order_.clear();
    return slot;
  }

  void Hold(Slot slot) const override { ++slots_[slot].holders; }
  void Release(Slot slot) const override {
    if (--slots_[slot].holders == 0) idle_.push_back(slot);
  }

  // Frees slots that lost their value or their last reader.
  void Forget() override {
    for (Slot slot : idle_) {
      SlotInfo& info = slots_[slot];
      if (!info.used || info.holders != 0 || InUse(slot)) continue;
      by_key_.erase(slot);
      order_.clear();
      info = {};
      free_.push_back(slot);
    }
    idle_.clear();
  }

  // Whether the slot has a value of its own.
  virtual bool InUse(Slot slot) const = 0;
  void MarkIdle(Slot slot) const { idle_.push_back(slot); }
  const K& KeyOf(Slot slot) const { return slots_[slot].key; }
  size_t slot_count() const { return slots_.size(); }
  // All slots in the order of their keys.
  const std::vector<Slot>& Ordered() const {
    if (order_.empty()) {
      order_.assign(by_key_.begin(), by_key_.end());
      std::sort(order_.begin(), order_.end(), [this](Slot a, Slot b) { return KeyOf(a) < KeyOf(b); });
    }
    return order_;
  }

  struct SlotInfo {
    K key;
    uint32_t holders = 0;  // reads by other nodes
    bool used = false;
  };
  struct KeyHash {
    using is_transparent = void;
    const KeyedNode* node;
    size_t operator()(const K& key) const { return absl::HashOf(key); }
    size_t operator()(Slot slot) const { return absl::HashOf(node->KeyOf(slot)); }
  };
  struct SameKey {
    using is_transparent = void;
    const KeyedNode* node;
    bool operator()(Slot a, Slot b) const { return a == b; }
    bool operator()(Slot a, const K& b) const { return node->KeyOf(a) == b; }
  };
  // A key is kept once, in its slot. (A deque: keys stay where they are.)
  mutable absl::flat_hash_set<Slot, KeyHash, SameKey> by_key_{0, KeyHash{this}, SameKey{this}};
  // See Ordered; empty when it must be made anew.
  mutable std::vector<Slot> order_;
  mutable std::deque<SlotInfo> slots_;
  mutable std::vector<Slot> free_;
  mutable std::vector<Slot> idle_;
};

// A read-only, ordered map from K to immutable V.
template <class K, class V>
class Collection : public KeyedNode<K> {
 public:
  using Key = K;
  using Value = V;

  // The value at `key`, or nullptr. Transforms read through their Reader instead.
  Ptr<V> Get(const K& key) const {
    const Slot slot = this->FindSlot(key);
    return slot == kNoSlot ? nullptr : ValueAt(slot);
  }
  size_t size() const { return size_; }

  // fn(key, value) for each value, in key order.
  template <class Fn>
  void ForEach(Fn&& fn) const {
    // A copy: `fn` may read keys that are new to this collection.
    const std::vector<Slot> order = this->Ordered();
    for (Slot slot : order) {
      if (const Ptr<V>& value = ValueAt(slot)) fn(this->KeyOf(slot), value);
    }
  }

  // fn(key, value) for each key that changed in the last revision, in key order; the value is nullptr when it is gone.
  template <class Fn>
  void ForEachChanged(Fn&& fn) const {
    std::vector<std::pair<const K*, Slot>> sorted;
    for (Slot slot : this->changed_slots()) sorted.emplace_back(&this->KeyOf(slot), slot);
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return *a.first < *b.first; });
    for (const auto& [key, slot] : sorted) fn(*key, ValueAt(slot));
  }

 protected:
  using KeyedNode<K>::KeyedNode;
  template <class, class, class, class>
  friend class Derived;
  template <class, class, class>
  friend class Index;
  template <class, class, class>
  friend class LastGood;
  friend class Reader;

  const Ptr<V>& ValueAt(Slot slot) const {
    static const Ptr<V> kNone;
    return slot < values_.size() ? values_[slot] : kNone;
  }

  bool InUse(Slot slot) const override { return ValueAt(slot) != nullptr; }

  void Set(Slot slot, Ptr<V> value) {
    if (slot >= values_.size()) values_.resize(this->slot_count());
    Ptr<V>& old = values_[slot];
    if (old == value || (old && value && *old == *value)) return;
    this->MarkChanged(slot);
    if (this->speculating()) this->OnTakeBack([this, slot, before = old] { Replace(slot, before); });
    Replace(slot, std::move(value));
  }

 private:
  void Replace(Slot slot, Ptr<V> value) {
    Ptr<V>& old = values_[slot];
    size_ += (value ? 1 : 0) - (old ? 1 : 0);
    if (!value) this->MarkIdle(slot);
    old = std::move(value);
  }

  std::vector<Ptr<V>> values_;
  size_t size_ = 0;
};

// What comes from outside. Changes are staged until the next Commit.
template <class K, class V>
class Input final : public Collection<K, V> {
 public:
  Input(Graph& graph, std::string name) : Collection<K, V>(graph, std::move(name), {}) {}

  void Put(const K& key, Ptr<V> value) { staged_[key] = std::move(value); }
  void Delete(const K& key) { staged_[key] = nullptr; }

 private:
  void Run() override {
    for (auto& [key, value] : staged_) {
      if (!value && this->FindSlot(key) == kNoSlot) continue;
      this->Set(this->SlotFor(key), std::move(value));
    }
    staged_.clear();
  }

  std::map<K, Ptr<V>> staged_;
};

// The objects of a collection by one or more buckets each; a bucket counts as changed when a member entered, left or
// changed. A read of a bucket is one recorded read, however many members it has.
template <class B, class K, class V>
class Index final : public KeyedNode<B> {
 public:
  using Bucket = absl::btree_map<K, Ptr<V>>;
  using Fn = std::function<std::vector<B>(const K&, const V&)>;

  Index(Graph& graph, std::string name, const Collection<K, V>& of, Fn fn)
      : KeyedNode<B>(graph, std::move(name), {&of}), of_(of), fn_(std::move(fn)) {}

  // The members of `bucket` in key order; transforms read through their Reader instead.
  const Bucket& Find(const B& bucket) const {
    const Slot slot = this->FindSlot(bucket);
    return slot == kNoSlot ? kEmpty : MembersAt(slot);
  }

 private:
  friend class Reader;
  inline static const Bucket kEmpty;

  const Bucket& MembersAt(Slot slot) const { return slot < members_.size() ? members_[slot] : kEmpty; }
  bool InUse(Slot slot) const override { return !MembersAt(slot).empty(); }

  // A few buckets.
  using Slots = absl::InlinedVector<Slot, 2>;

  void Run() override {
    for (Slot slot : of_.changed_slots()) {
      const Ptr<V>& value = of_.ValueAt(slot);
      Slots buckets;
      if (value) {
        for (const B& name : fn_(of_.KeyOf(slot), *value)) buckets.push_back(this->SlotFor(name));
      }
      if (members_.size() < this->slot_count()) members_.resize(this->slot_count());
      if (slot >= where_.size()) where_.resize(slot + 1);
      if (this->speculating()) NoteHowItWas(slot);
      for (Slot bucket : where_[slot]) this->MarkChanged(bucket);
      for (Slot bucket : buckets) this->MarkChanged(bucket);
      Place(slot, value, std::move(buckets));
    }
  }

  void NoteHowItWas(Slot slot) {
    const Slots& buckets = where_[slot];
    Ptr<V> value;
    if (!buckets.empty()) value = members_[buckets.front()].find(of_.KeyOf(slot))->second;
    this->OnTakeBack([this, slot, value = std::move(value), buckets] { Place(slot, value, buckets); });
  }

  // From now on, the object at `slot` is `value`, and stands in these buckets.
  void Place(Slot slot, const Ptr<V>& value, Slots buckets) {
    const K& key = of_.KeyOf(slot);
    for (Slot bucket : where_[slot]) {
      if (std::find(buckets.begin(), buckets.end(), bucket) != buckets.end()) continue;
      members_[bucket].erase(key);
      if (members_[bucket].empty()) this->MarkIdle(bucket);
    }
    for (Slot bucket : buckets) members_[bucket].insert_or_assign(key, value);
    where_[slot] = std::move(buckets);
  }

  const Collection<K, V>& of_;
  Fn fn_;
  std::vector<Slots> where_;     // by slot of the object: its buckets
  std::vector<Bucket> members_;  // by slot of the bucket
};

// Handed to a transform: the only way in which it may read, so that every read is recorded.
class Reader {
 public:
  Reader(ReadLog& log, Slot input) : log_(log), input_(input) {}

  template <class K, class V>
  Ptr<V> Get(const Collection<K, V>& collection, const K& key) {
    const Slot slot = collection.SlotFor(key);
    log_.Record(input_, collection, slot);
    return collection.ValueAt(slot);
  }

  template <class B, class K, class V>
  const typename Index<B, K, V>::Bucket& Find(const Index<B, K, V>& index, const B& bucket) {
    const Slot slot = index.SlotFor(bucket);
    log_.Record(input_, index, slot);
    return index.MembersAt(slot);
  }

  // For small collections only: any change re-runs the transform.
  template <class K, class V>
  const Collection<K, V>& All(const Collection<K, V>& collection) {
    log_.Record(input_, collection, kNoSlot);
    return collection;
  }

 private:
  ReadLog& log_;
  Slot input_;
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
    if (this->speculating()) NoteHowItWas(input);
    log_.Clear(input);
    Emitted emitted;
    if (const Ptr<IV>& value = in_.ValueAt(input)) {
      this->CountRun();
      Reader reader(log_, input);
      Output output;
      fn_(reader, in_.KeyOf(input), *value, output);
      log_.Finish(input);
      for (auto& [key, result] : output.emitted_) emitted.emplace_back(this->SlotFor(key), std::move(result));
    }
    if (input >= outputs_.size()) outputs_.resize(input + 1);
    touched.insert(touched.end(), outputs_[input].begin(), outputs_[input].end());
    SetEmitted(input, std::move(emitted));
    touched.insert(touched.end(), outputs_[input].begin(), outputs_[input].end());
  }

  void NoteHowItWas(Slot input) {
    Emitted emitted;
    if (input < outputs_.size()) {
      const auto& outputs = outputs_[input];
      for (auto out = outputs.begin(); out != outputs.end(); ++out) {
        // A key that was emitted twice has two claims.
        if (std::find(outputs.begin(), out, *out) != out) continue;
        for (const Claim& claim : claims_[*out]) {
          if (claim.input == input) emitted.emplace_back(*out, claim.value);
        }
      }
    }
    this->OnTakeBack([this, input, emitted = std::move(emitted), reads = log_.ReadsOf(input)] {
      log_.SetReads(input, reads);
      SetEmitted(input, emitted);
    });
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
    const Claim* winner = nullptr;
    for (const Claim& claim : claims_[out]) {
      if (!winner || in_.KeyOf(claim.input) < in_.KeyOf(winner->input)) winner = &claim;
    }
    this->Set(out, winner ? winner->value : nullptr);
    if (!winner) this->MarkIdle(out);
  }

  const Collection<IK, IV>& in_;
  Fn fn_;
  ReadLog log_;
  std::vector<bool> is_dirty_;
  std::vector<absl::InlinedVector<Slot, 2>> outputs_;  // by input slot
  std::vector<absl::InlinedVector<Claim, 1>> claims_;  // by output slot
};

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
