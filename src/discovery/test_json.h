// JSON objects for tests, as an API server handles them.
#pragma once

#include <algorithm>
#include <string>

#include "src/base/yaml.h"
#include "src/json/tree.h"

namespace k8sgw::discovery::testing {

// Merges a patch as RFC 7386 says.
inline void Merge(yaml::Node& to, const yaml::Node& patch) {
  to.kind = yaml::Node::Kind::kMapping;
  for (const auto& entry : patch.entries) {
    const auto at = std::ranges::find(to.entries, entry.key, &yaml::Node::Entry::key);
    if (entry.value.is_null()) {
      if (at != to.entries.end()) to.entries.erase(at);
    } else if (at == to.entries.end()) {
      to.entries.push_back(entry);
    } else if (at->value.is_mapping() && entry.value.is_mapping()) {
      Merge(at->value, entry.value);
    } else {
      at->value = entry.value;
    }
  }
}

// The text of a value at the end of a path of keys; "" when there is none.
template <class... Keys>
std::string At(const yaml::Node& node, const Keys&... keys) {
  const yaml::Node* at = &node;
  ((at = at ? at->Find(keys) : nullptr), ...);
  return at ? yaml::EmitJson(*at, 0) : "";
}

}  // namespace k8sgw::discovery::testing
