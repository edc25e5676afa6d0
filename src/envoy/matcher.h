// Matchers of routes: path, headers, query parameters and methods.
#pragma once

#include "src/envoy/reporter.h"

namespace envoy::config::route::v3 {
class RouteMatch;
}
namespace matchers::core::gloo::solo::io {
class Matcher;
}

namespace k8sgw::envoy {

namespace matchersv1 = ::matchers::core::gloo::solo::io;

// Fills `out`. `report` has the matcher as its place.
// Errors: no path, a path against the rules of path_check.h, a regex that RE2 refuses.
void TranslateMatcher(const matchersv1::Matcher& matcher, Reporter& report,
                      ::envoy::config::route::v3::RouteMatch& out);

}  // namespace k8sgw::envoy
