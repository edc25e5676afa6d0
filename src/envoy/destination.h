// Where requests go: single, weighted and grouped destinations, with subsets.
#pragma once

#include "src/envoy/plugin.h"

namespace gloo::solo::io {
class RouteAction;
}

namespace k8sgw::envoy {

// What became of a destination.
enum class DestinationState {
  kFound,
  kMissing,  // a warning was given; the cluster is named all the same, and Envoy answers 503 until it exists
};

// Sets the cluster(s) of `out`. `report` has the routeAction as its place. Missing Upstreams are warnings; a missing
// group, weights that add up to nothing, and subsets that the Upstream does not have are errors or warnings as
// published. With Settings' replaceInvalidRoutes, clusters that do not exist become kFallbackCluster.
DestinationState TranslateDestination(const Context& context, const gloov1::RouteAction& action, Reporter& report,
                                      Needs& needs, routev3::RouteAction& out);

// What is wrong inside a group, whether a route uses it or not.
Problems CheckUpstreamGroup(const Context& context, const UpstreamGroupRef& ref, const gloov1::UpstreamGroup& group);

}  // namespace k8sgw::envoy
