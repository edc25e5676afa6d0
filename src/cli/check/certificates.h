// Certificates that end soon, or that the API server does not trust.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "src/base/yaml.h"
#include "src/cli/check/finding.h"

namespace k8sgw::cli {

// So long before its end a certificate is told.
inline constexpr int64_t kExpirySeconds = int64_t{30} * 24 * 3600;

// "namespace/name" of every Secret that one of the objects refers to as a secretRef; without a namespace, it is in that
// of the object.
std::set<std::string> ReferredSecrets(const std::vector<yaml::Node>& objects);

// Of Secrets of type kubernetes.io/tls that are among `referred`: certificates that have ended, or will within 30 days.
// What else may be wrong with them is told by CheckObjects.
Findings CheckSecrets(const std::vector<yaml::Node>& secrets, const std::set<std::string>& referred, int64_t now);

// Of the webhooks that call the Service gloo in `ns`: whether the API server trusts what `secret` has, which the
// control plane serves. `secret` may be null, when there is none.
Findings CheckWebhooks(const std::vector<yaml::Node>& configurations, const yaml::Node& secret, const std::string& ns,
                       int64_t now);

}  // namespace k8sgw::cli
