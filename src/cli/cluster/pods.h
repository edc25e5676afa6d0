// The pods of an installation.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"
#include "src/cli/cluster/session.h"

namespace k8sgw::cli {

// Those of a proxy, by its published label gateway-proxy-id, and of the control plane.
std::string LabelsOfProxy(const std::string& name);
inline constexpr char kLabelsOfGloo[] = "gloo=gloo";
// On loopback of their pods: of control planes, and of Envoys.
inline constexpr int kGlooAdminPort = 9095;
inline constexpr int kEnvoyAdminPort = 19000;

bool IsReady(const yaml::Node& pod);
// The first ready one, else one that runs; nullptr when none does.
const yaml::Node* BestOf(const std::vector<yaml::Node>& pods);
// The name of that one. Errors: none runs, or they cannot be read; `what` is for the message.
absl::StatusOr<std::string> FindPod(Session& session, const std::string& ns, const std::string& labels,
                                    const std::string& what);

}  // namespace k8sgw::cli
