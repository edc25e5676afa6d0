// The forms in which Kubernetes Secrets and ConfigMaps hold what the product needs.
#pragma once

#include <functional>
#include <string>

#include "src/base/yaml.h"

namespace gloo::solo::io {
class Artifact;
class Secret;
}  // namespace gloo::solo::io

namespace k8sgw {

// Called with a field path, the place, what is wrong and how to mend it.
using ReportAt = std::function<void(const std::string& path, yaml::Mark mark, std::string message, std::string fix)>;

// Reads `type`, `data` (base64) and `stringData` (as it is; wins over data).
void ReadKubernetesSecret(const yaml::Node& document, const ReportAt& error, ::gloo::solo::io::Secret* out);
// Reads `data` and `binaryData` of a ConfigMap.
void ReadConfigMap(const yaml::Node& document, const ReportAt& error, ::gloo::solo::io::Artifact* out);

}  // namespace k8sgw
