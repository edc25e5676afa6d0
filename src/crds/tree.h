// Short ways to write a yaml::Node.
#pragma once

#include <string>
#include <utility>

#include "src/base/yaml.h"

namespace k8sgw::crds {

// A value whose text says what it is: a number, true, false or a word.
inline yaml::Node Plain(std::string text) {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kScalar;
  node.scalar = std::move(text);
  return node;
}

// Text, whatever it looks like.
inline yaml::Node Text(std::string text) {
  yaml::Node node = Plain(std::move(text));
  node.quoted = true;
  return node;
}

inline yaml::Node Mapping() {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kMapping;
  return node;
}

template <class Texts>
yaml::Node Sequence(const Texts& texts) {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kSequence;
  for (const auto& text : texts) node.items.push_back(Text(std::string(text)));
  return node;
}

inline void Put(yaml::Node& mapping, std::string key, yaml::Node value) {
  mapping.entries.push_back({std::move(key), {}, std::move(value)});
}

}  // namespace k8sgw::crds
