// Trees that become JSON.
#pragma once

#include <string>
#include <utility>

#include "src/base/yaml.h"

namespace k8sgw::admin {

inline yaml::Node Mapping() {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kMapping;
  return node;
}
inline yaml::Node List() {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kSequence;
  return node;
}
inline yaml::Node Text(std::string text) {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kScalar;
  node.quoted = true;
  node.scalar = std::move(text);
  return node;
}
// A number, true or false.
inline yaml::Node Plain(std::string text) {
  yaml::Node node = Text(std::move(text));
  node.quoted = false;
  return node;
}
inline yaml::Node Plain(bool value) { return Plain(std::string(value ? "true" : "false")); }

inline void Add(yaml::Node& mapping, std::string key, yaml::Node value) {
  mapping.entries.push_back({std::move(key), {}, std::move(value)});
}

}  // namespace k8sgw::admin
