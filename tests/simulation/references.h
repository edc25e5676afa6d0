// What resources refer to, read from their bytes: the simulation trusts nothing that it was told.
#pragma once

#include <set>
#include <string>

#include "src/xds/resource.h"

namespace k8sgw::sim {

// Clusters that a RouteConfiguration sends requests to.
std::set<std::string> ClustersOf(const xds::Resource& route_configuration);
// Route configurations that a Listener asks for.
std::set<std::string> RoutesOf(const xds::Resource& listener);
// Secrets that a Cluster or Listener asks for by SDS.
std::set<std::string> SecretsOf(const xds::Resource& resource);

}  // namespace k8sgw::sim
