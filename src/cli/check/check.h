// `k8sgateway check`: looks at a whole installation, and says what is wrong and what to do.
#pragma once

#include <functional>
#include <ostream>
#include <set>
#include <string>

#include "src/cli/check/finding.h"
#include "src/cli/cluster/session.h"

namespace k8sgw::cli {

struct CheckOptions {
  std::string ns = "gloo-system";
  // Of kSections: not looked at.
  std::set<std::string, std::less<>> excluded;
  // table or json.
  std::string output = "table";
  // Connects to no pod.
  bool read_only = false;
};

// Returns the exit code: 1 when something is wrong, or the cluster cannot be asked.
int Check(Session& session, const CheckOptions& options, std::ostream& out, std::ostream& err);

}  // namespace k8sgw::cli
