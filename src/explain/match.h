// How Envoy chooses a virtual host and a route, step by step, with the reason of each refusal.
#pragma once

#include <string>
#include <vector>

#include "src/explain/request.h"

namespace envoy::config::route::v3 {
class Route;
class RouteConfiguration;
}  // namespace envoy::config::route::v3

namespace k8sgw::explain {

struct DomainMatch {
  // Index of the virtual host; -1 when none matches.
  int virtual_host = -1;
  // The domain of its list that matched.
  std::string domain;
};

// By Envoy's rules: an exact domain, then the longest `*.suffix`, then the longest `prefix.*`, then `*`; letter case
// does not count, the port of the request does.
DomainMatch MatchDomain(const ::envoy::config::route::v3::RouteConfiguration& routes, const Request& request);

// "" when the route matches, else why it does not: "the path does not begin with /api".
std::string WhyNot(const ::envoy::config::route::v3::Route& route, const Request& request);

}  // namespace k8sgw::explain
