// The HTTP connection manager of a listener: its settings, its chain of HTTP filters, and what stands before it.
#pragma once

#include "src/envoy/plugin.h"
#include "src/proxy/proxy.h"

namespace k8sgw::envoy {

// Fills everything but the name of the route configuration, and adds the network filters that stand in front of it to
// `chain`. `report` has the Gateway as its place.
void TranslateHttpConnectionManager(const Context& context, const proxy::Listener& in, const Needs& needs,
                                    Reporter& report, listenerv3::FilterChain& chain,
                                    hcmv3::HttpConnectionManager& out);

// Makes `hcm` get its routes by RDS over ADS under `name`.
void SetRouteConfigName(const std::string& name, hcmv3::HttpConnectionManager& hcm);

}  // namespace k8sgw::envoy
