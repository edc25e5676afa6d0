// The order of routes that nobody has ordered.
#pragma once

#include <vector>

#include "src/gateway/delegation.h"

namespace k8sgw::gateway {

// Each route stands where the first of its matchers stands in this order: more methods before fewer; then no path,
// exact, regex, prefix; then the path, last in the alphabet first, so that /foo/bar comes before /foo. Equal ones keep
// their order.
void SortRoutes(std::vector<FlatRoute>& routes);

}  // namespace k8sgw::gateway
