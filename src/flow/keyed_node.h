// Keys and their slots: what collections and indexes have in common.
#pragma once

#include <algorithm>
#include <deque>
#include <sstream>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
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

}  // namespace k8sgw::flow
