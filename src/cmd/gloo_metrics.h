// The values of the metrics of `gloo`: most are read from where they are kept.
#pragma once

#include <string>
#include <vector>

#include "src/cmd/gloo_admin.h"
#include "src/metrics/registry.h"

namespace k8sgw {

// On the event loop's thread. Histograms and the like, which are added to, are not touched.
void SetMetrics(ControlPlane& control, const GlooAdmin::Facts& facts, bool ready, metrics::Registry& registry);

// Counts changes that came from the source of objects.
void AddChanges(const std::vector<Change>& changes, metrics::Registry& registry);

// "gloo-system~gateway-proxy" → "gateway-proxy".
std::string ProxyName(const std::string& role);

}  // namespace k8sgw
