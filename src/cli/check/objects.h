// Whether the custom resources are accepted: what a translation of all of them finds, and what their statuses say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/base/yaml.h"
#include "src/cli/check/finding.h"
#include "src/model/report.h"

namespace k8sgw::cli {

// The section that objects of this kind are shown in; "" for kinds that none is about.
std::string_view SectionOf(std::string_view kind);

// Of every object: its problems, as our own translation finds them, and its status from the control plane in `ns`. What
// both say is said once. `problems` is nullopt when not all of the cluster could be read: then the statuses alone
// count.
//
// - Refused and warned about are errors: broken references are warnings, and a route without an Upstream does not work.
// - A status that is good although there are errors, or bad although there are none, is about an older version.
// - An object without a status has been looked at by nobody.
Findings CheckObjects(const std::vector<yaml::Node>& objects, const std::optional<Problems>& problems,
                      const std::string& ns);

}  // namespace k8sgw::cli
