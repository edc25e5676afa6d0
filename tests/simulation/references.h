// What resources refer to, read from their bytes: the simulation trusts nothing that it was told.
#pragma once

#include <set>
#include <string>

#include "src/xds/resource.h"

namespace k8sgw::sim {

// What one resource names. The answers are kept: the same version is looked at many times.
struct References {
  // Clusters that a RouteConfiguration sends requests to.
  std::set<std::string> clusters;
  // Route configurations that a Listener or a scope asks for.
  std::set<std::string> routes;
  // A Listener that asks for scopes.
  bool scoped = false;
  // Endpoints that a Cluster asks for by EDS.
  std::set<std::string> endpoints;
  // Secrets that a Cluster or Listener asks for by SDS.
  std::set<std::string> secrets;
};
const References& ReferencesOf(const xds::Resource& resource);
// The clusters of one virtual host, given as a field of a RouteConfiguration.
std::set<std::string> ClustersOfVirtualHost(const std::string& bytes);

}  // namespace k8sgw::sim
