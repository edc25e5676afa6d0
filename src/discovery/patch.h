// JSON merge patches (RFC 7386) between trees.
#pragma once

#include <optional>

#include "src/base/yaml.h"
#include "src/model/resource.h"

namespace k8sgw::discovery {

yaml::Node MakeText(std::string_view text);
yaml::Node MakeMapping(const Labels& labels);
// Adds an entry to a mapping.
void Add(yaml::Node& mapping, std::string_view key, yaml::Node value);

// What makes `to` out of `from`, both mappings; nullopt when they are equal. Values of `to` are never null.
std::optional<yaml::Node> MakePatch(const yaml::Node& from, const yaml::Node& to);

}  // namespace k8sgw::discovery
