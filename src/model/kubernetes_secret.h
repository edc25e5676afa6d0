// The forms in which Kubernetes Secrets and ConfigMaps hold what the product needs.
#pragma once

#include <functional>
#include <string>

#include "src/base/yaml.h"
#include "src/model/report.h"

namespace gloo::solo::io {
class Artifact;
class Secret;
}  // namespace gloo::solo::io

namespace k8sgw {

// The type of Secrets with users of registries, which become extensions.configs of this name, and their one key.
inline constexpr char kRegistryUsers[] = "kubernetes.io/dockerconfigjson";
inline constexpr char kRegistryUsersKey[] = ".dockerconfigjson";

// Called with a field path, the place, what is wrong and how to mend it.
using ReportAt = std::function<void(Severity severity, const std::string& path, yaml::Mark mark, std::string message,
                                    std::string fix)>;

// Reads `type`, `data` (base64) and `stringData` (as it is; wins over data). What becomes text in Envoy's configuration
// must be UTF-8: one other value would make Envoy refuse the whole resource. What has a type of others, as a token of a
// ServiceAccount, is no Secret of any kind of ours.
void ReadKubernetesSecret(const yaml::Node& document, const ReportAt& report, ::gloo::solo::io::Secret* out);
// Reads `data` and `binaryData` of a ConfigMap; of the latter, the values are given as base64.
//
// A cluster is full of ConfigMaps that others write for others, and all that is read from one here is in base64. So a
// text that is none is kept only up to the first character which shows that, and "!": what others write costs a few
// bytes, and most of their changes are none.
void ReadConfigMap(const yaml::Node& document, const ReportAt& report, ::gloo::solo::io::Artifact* out);

}  // namespace k8sgw
