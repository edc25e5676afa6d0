// One route of a Proxy → the Envoy routes for its matchers.
#pragma once

#include "src/envoy/plugin.h"
#include "src/proxy/proxy.h"

namespace k8sgw::envoy {

// Appends one route per matcher to `out`, named `<virtual host>-route-<index>[-<name>]-matcher-<matcher>`. `report`
// has the source route as its place.
void TranslateRoute(const Context& context, const gloov1::HttpListenerOptions& http_listener_options,
                    const gloov1::VirtualHost& virtual_host, int index, const proxy::RouteSource& source,
                    Reporter& report, Needs& needs, routev3::VirtualHost& out);

}  // namespace k8sgw::envoy
