// A listener for clients that have the module: its connection managers find their routes in divided tables.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/envoy/division.h"
#include "src/envoy/listener.h"

namespace k8sgw::envoy {

// A filter chain that asks for a route configuration; in the order of the listener's chains.
struct RoutedChain {
  std::string route_config;
  uint64_t ssl_hash = 0;
};

// Sets with_module of `result.resource`, and `result.cuts`, where `divisions`, by ssl hash, say so and nothing stands
// against it. What stands against it is told as a notice on the Gateway.
void DivideListener(const proxy::Listener& in, const listenerv3::Listener& listener,
                    const std::vector<RoutedChain>& chains, const std::map<uint64_t, Division>& divisions,
                    TranslatedListener& result);

}  // namespace k8sgw::envoy
