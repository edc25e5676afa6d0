// The routes of a VirtualService, with all RouteTables that they delegate to put in their place.
//
// Depth first, in order. A child inherits matchers and options from the route that delegates to it, and must not match
// what that route does not match. Several RouteTables for one route are taken by ascending weight; the routes of those
// that share a weight are sorted (see route_sort.h).
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "src/gateway/places.h"
#include "src/gateway/route_lookups.h"

namespace gloo::solo::io {
class Route;
class VirtualHostOptions;
}  // namespace gloo::solo::io

namespace k8sgw::gateway {

// How deep and how wide delegation may go; hostile input must not take the process.
inline constexpr int kMaxDelegationDepth = 64;
// Routes and RouteTables that are visited for one VirtualService, each as often as it is reached.
inline constexpr int kMaxVisits = 200'000;

struct FlatRoute {
  std::unique_ptr<gloov1::Route> route;
  proxy::RouteSource source;
};

struct FlatRoutes {
  std::vector<FlatRoute> routes;
  // On the VirtualService and on RouteTables, those of the RouteTables' and RouteOptions' content included.
  Problems problems;
  // RouteTables and RouteOptions with errors: what includes them is not accepted.
  std::set<ResourceKey> broken;
};

// Where the routes are for: part of their names.
struct RouteNames {
  std::string gateway;
  std::string proxy;
};

// `options` are the virtual host's, merged.
FlatRoutes FlattenRoutes(const Object<gatewayv1::VirtualService>& service, const gloov1::VirtualHostOptions& options,
                         const RouteNames& names, const RouteLookups& lookups);

}  // namespace k8sgw::gateway
