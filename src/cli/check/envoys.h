// The section xds-metrics of `check`: asks control planes and Envoys, through the API server, whether they agree.
#pragma once

#include <string>
#include <vector>

#include "src/base/yaml.h"
#include "src/cli/check/finding.h"
#include "src/cli/cluster/session.h"

namespace k8sgw::cli {

struct EnvoysChecked {
  Findings findings;
  // Why it was given up: we may not connect to pods. "" when it was not.
  std::string skipped;
};

// `control` are the pods of the control planes in `ns`, `proxies` those of Envoys, in all namespaces.
EnvoysChecked CheckEnvoys(Session& session, const std::string& ns, const std::vector<yaml::Node>& control,
                          const std::vector<yaml::Node>& proxies);

}  // namespace k8sgw::cli
