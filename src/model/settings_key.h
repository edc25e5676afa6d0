// Which Settings object is in force.
#pragma once

#include <string>

#include "src/model/objects.h"

namespace k8sgw {

// Who says where objects come from.
enum class Origin {
  kSettings,     // folders that Settings name
  kCommandLine,  // that also says where xDS listens
  kCluster,      // the API server of Kubernetes
};

// The Settings in force: the object named `default` in the write namespace, or the defaults when there is none.
// `write_namespace` is where Proxies are written and where Gateways count (discoveryNamespace).
struct SettingsKey {
  std::string write_namespace = "gloo-system";
  Origin origin = Origin::kSettings;
  SettingsRef ref() const { return {write_namespace, "default"}; }
};

}  // namespace k8sgw
