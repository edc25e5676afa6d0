// Which Settings object is in force.
#pragma once

#include <string>

#include "src/model/objects.h"

namespace k8sgw {

// The Settings in force: the object named `default` in the write namespace, or the defaults when there is none.
// `write_namespace` is where Proxies are written and where Gateways count (discoveryNamespace).
struct SettingsKey {
  std::string write_namespace = "gloo-system";
  // The command line said where objects come from and where xDS listens, so Settings do not.
  bool sources_are_given = false;
  SettingsRef ref() const { return {write_namespace, "default"}; }
};

}  // namespace k8sgw
