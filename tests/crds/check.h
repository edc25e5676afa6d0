// What the API server does with a definition and with objects of it, as far as it needs nothing but the schema.
#pragma once

#include <string>
#include <vector>

#include "src/base/yaml.h"

namespace k8sgw::crds {

// What the API server would refuse in `value`, or silently drop: "spec.weight: expected integer". Every fault is
// listed; an empty list means that the value is stored as it is.
std::vector<std::string> ObjectFaults(const yaml::Node& value, const yaml::Node& schema);

// What makes `schema`, the root of a definition's, no structural schema: "spec.weight: has no type".
std::vector<std::string> SchemaFaults(const yaml::Node& schema);

}  // namespace k8sgw::crds
