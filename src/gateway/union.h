// One collection of what several collections hold; no two of them may hold the same key.
#pragma once

#include <string>
#include <vector>

#include "src/flow/collection.h"

namespace k8sgw::gateway {

template <class K, class V>
class Union final : public flow::Collection<K, V> {
 public:
  using Parts = std::vector<const flow::Collection<K, V>*>;

  Union(flow::Graph& graph, std::string name, Parts parts)
      : flow::Collection<K, V>(graph, std::move(name), {parts.begin(), parts.end()}), parts_(std::move(parts)) {}

 private:
  void Run() override {
    for (const auto* part : parts_) {
      part->ForEachChanged([this](const K& key, const Ptr<V>& value) { this->Set(this->SlotFor(key), value); });
    }
  }

  const Parts parts_;
};

}  // namespace k8sgw::gateway
