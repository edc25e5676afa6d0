// For tests: objects as JSON, and what an API server does to them.
#pragma once

#include <string>

#include "src/base/yaml.h"

namespace k8sgw::status::testing {

inline yaml::Node ParseJson(const std::string& json) {
  yaml::Stream stream = yaml::Parse(json);
  return stream.ok && !stream.documents.empty() ? stream.documents[0] : yaml::Node();
}

// RFC 7396.
inline void Merge(yaml::Node& target, const yaml::Node& patch) {
  if (!patch.is_mapping()) {
    target = patch;
    return;
  }
  if (!target.is_mapping()) {
    target = {};
    target.kind = yaml::Node::Kind::kMapping;
  }
  for (const auto& entry : patch.entries) {
    auto at = target.entries.begin();
    while (at != target.entries.end() && at->key != entry.key) ++at;
    if (entry.value.is_null()) {
      if (at != target.entries.end()) target.entries.erase(at);
      continue;
    }
    if (at == target.entries.end()) at = target.entries.insert(at, {entry.key, {}, {}});
    Merge(at->value, entry.value);
  }
}

inline std::string Merge(const std::string& target, const std::string& patch) {
  yaml::Node node = ParseJson(target);
  Merge(node, ParseJson(patch));
  return yaml::EmitJson(node, 0);
}

}  // namespace k8sgw::status::testing
