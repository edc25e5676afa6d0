// Fields of a bootstrap, which Envoy takes as they are written in its messages or in lowerCamelCase. Internal.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "src/base/yaml.h"

namespace k8sgw::bootstrap {

inline std::string CamelCase(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '_' && i + 1 < name.size() && name[i + 1] >= 'a' && name[i + 1] <= 'z') {
      out += static_cast<char>(name[++i] - 'a' + 'A');
    } else {
      out += name[i];
    }
  }
  return out;
}

// nullptr when a part of the path is not there.
inline const yaml::Node* Field(const yaml::Node* node, std::initializer_list<std::string_view> path) {
  for (const std::string_view name : path) {
    if (!node) return nullptr;
    const yaml::Node* found = node->Find(name);
    node = found ? found : node->Find(CamelCase(name));
  }
  return node;
}

inline yaml::Node* MutableField(yaml::Node* node, std::initializer_list<std::string_view> path) {
  return const_cast<yaml::Node*>(Field(node, path));
}

inline std::string FieldText(const yaml::Node* node, std::initializer_list<std::string_view> path) {
  const yaml::Node* found = Field(node, path);
  return found && found->is_scalar() ? found->scalar : "";
}

}  // namespace k8sgw::bootstrap
