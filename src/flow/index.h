// Objects of a collection by what they have in common.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/inlined_vector.h"
#include "src/flow/collection.h"

namespace k8sgw::flow {

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
      for (Slot bucket : where_[slot]) this->MarkChanged(bucket);
      // Nearly every object stays where it was.
      if (value && buckets == where_[slot]) {
        Exchange(slot, value);
        continue;
      }
      for (Slot bucket : buckets) this->MarkChanged(bucket);
      if (this->speculating()) NoteHowItWas(slot);
      Place(slot, value, std::move(buckets));
    }
  }

  // The object at `slot`, which stays in its buckets, is `value`.
  void Exchange(Slot slot, const Ptr<V>& value) {
    const Slots& buckets = where_[slot];
    if (buckets.empty()) return;
    Ptr<V> before = members_[buckets.front()].find(of_.KeyOf(slot))->second;
    Put(slot, value);
    if (this->speculating()) this->OnTakeBack([this, slot, before = std::move(before)] { Put(slot, before); });
  }

  void Put(Slot slot, const Ptr<V>& value) {
    for (Slot bucket : where_[slot]) members_[bucket].find(of_.KeyOf(slot))->second = value;
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

}  // namespace k8sgw::flow
