// What an Envoy says of its connection to the control plane.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/cli/check/finding.h"

namespace k8sgw::cli {

// Counters and gauges by name, out of the text of Envoy's /stats.
using Stats = std::map<std::string, double>;
Stats ParseStats(const std::string& text);

// The path of those that are looked at.
inline constexpr char kXdsStats[] =
    "/stats?filter=(control_plane.connected_state|cluster_manager.cds.version|update_rejected|update_failure)$";

// Of one proxy, at two moments: it is not connected, or only to what it had kept; it refuses what it gets now, or has
// refused something; updates of it fail. When it is `served`, its control plane knows what it still refuses, so what is
// past is not told.
Findings CheckXdsStats(const std::string& object, const Stats& before, const Stats& after, bool served);

}  // namespace k8sgw::cli
