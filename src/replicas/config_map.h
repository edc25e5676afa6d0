// Where replicas tell each other something.
#pragma once

#include <string>

#include "src/sources/kube/resource_path.h"

namespace k8sgw::replicas {

// In the namespace of the control plane. The chart makes it where there are several replicas.
inline constexpr char kConfigMap[] = "gloo-refusals";

inline kube::Resource ConfigMapsIn(const std::string& ns) { return {"", "v1", "configmaps", ns}; }

}  // namespace k8sgw::replicas
