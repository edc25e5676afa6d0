// The same tree with the keys of its mappings in another order, for tests: it means the same.
#pragma once

#include <algorithm>
#include <utility>

#include "src/base/yaml.h"

namespace k8sgw::testing {

enum class Order { kReversed, kRotated };

inline yaml::Node Reordered(yaml::Node node, Order order) {
  if (order == Order::kRotated && !node.entries.empty()) {
    std::rotate(node.entries.begin(), node.entries.begin() + 1, node.entries.end());
  } else {
    std::reverse(node.entries.begin(), node.entries.end());
  }
  for (auto& [key, mark, value] : node.entries) value = Reordered(std::move(value), order);
  for (yaml::Node& item : node.items) item = Reordered(std::move(item), order);
  return node;
}

}  // namespace k8sgw::testing
