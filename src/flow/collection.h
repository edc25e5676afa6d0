// Ordered maps of immutable values, and those that come from outside.
//
// Keys are ordered and copyable; values have operator==, and a result that is equal to the one before is no change.
// Iteration is in key order, always, so equal input gives equal output whatever the history.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "src/base/ptr.h"
#include "src/flow/keyed_node.h"

namespace k8sgw::flow {

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

}  // namespace k8sgw::flow
