// The HTTP connection manager of a listener: its settings and its chain of HTTP filters.
#pragma once

#include "src/envoy/plugin.h"
#include "src/proxy/proxy.h"

namespace k8sgw::envoy {

// Fills everything but the name of the route configuration. `report` has the Gateway as its place.
void TranslateHttpConnectionManager(const Context& context, const gloov1::Listener& listener, const Needs& needs,
                                    Reporter& report, hcmv3::HttpConnectionManager& out);

// Makes `hcm` get its routes by RDS over ADS under `name`.
void SetRouteConfigName(const std::string& name, hcmv3::HttpConnectionManager& hcm);

}  // namespace k8sgw::envoy
