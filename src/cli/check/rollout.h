// Whether the installation runs: Deployments and Pods.
#pragma once

#include <string>
#include <vector>

#include "src/base/yaml.h"
#include "src/cli/check/finding.h"

namespace k8sgw::cli {

// `deployments` are those of the installation in `ns`; none at all is an error, too.
Findings CheckDeployments(const std::vector<yaml::Node>& deployments, const std::string& ns);

// Pods that do not run, or not as they should, with what the kubelet says of it. Pods that have ended well are fine.
Findings CheckPods(const std::vector<yaml::Node>& pods);

}  // namespace k8sgw::cli
