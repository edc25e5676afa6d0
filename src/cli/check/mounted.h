// The certificates that pods of an installation get as files: whether they are there, and when they end.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "src/base/yaml.h"
#include "src/cli/check/finding.h"

namespace k8sgw::cli {

// A Secret that somebody mounts.
struct Mount {
  std::string ns;
  std::string secret;
  // "Deployment gloo-system/gloo".
  std::string by;
  // Nothing works without it, whatever the volume says of that: it has the certificates of mTLS.
  bool needed = false;

  auto operator<=>(const Mount&) const = default;
};

// Those of the volumes of Deployments, DaemonSets (their templates) and Pods, in the order of their names. Of several
// mounts of one Secret, the first one stands for all.
std::vector<Mount> MountsOf(const std::vector<yaml::Node>& workloads);

// Those of servers that users run behind a sidecar of ours: the chart leaves a patch for them in ConfigMaps, which
// names the Secret.
std::vector<Mount> MountsOfServers(const std::vector<yaml::Node>& config_maps);

// The Secret with the webhook's certificate, which the Deployment gloo mounts; "" when none of these does.
std::string WebhookSecretOf(const std::vector<yaml::Node>& deployments);

// Of one mount and its Secret, null when there is none: it is missing, has no certificate though it is needed, or one
// in any of its entries has ended or will within 30 days.
Findings CheckMount(const Mount& mount, const yaml::Node& secret, int64_t now);

}  // namespace k8sgw::cli
