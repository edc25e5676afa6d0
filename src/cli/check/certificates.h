// Certificates that end soon, or that the API server does not trust.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/yaml.h"
#include "src/cli/check/finding.h"
#include "src/pem/pem.h"

namespace k8sgw::cli {

// So long before its end a certificate is told.
inline constexpr int64_t kExpirySeconds = int64_t{30} * 24 * 3600;

// "namespace/name" of every Secret that one of the objects refers to as a secretRef; without a namespace, it is in that
// of the object.
std::set<std::string> ReferredSecrets(const std::vector<yaml::Node>& objects);

// Of Secrets that are among `referred`: certificates in tls.crt that have ended, or will within 30 days. What else may
// be wrong with them is told by CheckObjects.
Findings CheckSecrets(const std::vector<yaml::Node>& secrets, const std::set<std::string>& referred, int64_t now);

// Of the webhooks that call the Service gloo in `ns`: whether the API server trusts what `secret` has, which the
// control plane serves. It is called `secret_name`, and null when there is none.
Findings CheckWebhooks(const std::vector<yaml::Node>& configurations, const yaml::Node& secret,
                       const std::string& secret_name, const std::string& ns, int64_t now);

// The certificates of an entry of a Secret; nullopt when there are none.
std::optional<pem::Certificates> CertificatesAt(const yaml::Node& secret, std::string_view key);

// When certificates end, if that is soon.
struct Ending {
  bool ended = false;
  // "" while they are good for long enough.
  std::string what;
};
// Of a chain, which is good as long as all of it is; and of a bundle, which is as long as one of it is.
Ending EndOf(const pem::Certificates& certificates, int64_t now);
Ending LastEndOf(const pem::Certificates& certificates, int64_t now);

}  // namespace k8sgw::cli
