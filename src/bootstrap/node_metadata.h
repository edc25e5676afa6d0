// What an Envoy says of itself to its control plane.
#pragma once

#include <string>

#include "src/base/yaml.h"

namespace k8sgw::bootstrap {

// Adds a field of text to the metadata of the node. False when there is one of this name, or no place for it: then
// nothing has changed.
bool AddNodeMetadata(yaml::Node& tree, const std::string& field, const std::string& text);

}  // namespace k8sgw::bootstrap
