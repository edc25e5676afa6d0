// Resources that do not come from users' objects.
#pragma once

#include <vector>

#include "src/base/ptr.h"
#include "src/model/objects.h"
#include "src/xds/resource.h"

namespace k8sgw::envoy {

// What an Envoy without a known role gets: a listener that answers 500 to everything, as published. `port` is where it
// listens.
std::vector<Ptr<xds::Resource>> UnknownRoleResources(uint32_t port);

// With Settings' replaceInvalidRoutes: a cluster and the listener behind it, which answers with the configured status
// and body; else nothing.
std::vector<Ptr<xds::Resource>> InvalidRouteResources(const gloov1::Settings& settings);

}  // namespace k8sgw::envoy
