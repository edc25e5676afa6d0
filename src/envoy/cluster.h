// Upstream → Cluster.
#pragma once

#include <vector>

#include "src/envoy/endpoints.h"
#include "src/envoy/plugin.h"
#include "src/xds/resource.h"

namespace k8sgw::envoy {

struct TranslatedCluster {
  // nullptr when the Upstream's type is not translated.
  Ptr<xds::Resource> resource;
  // nullptr when the cluster itself says what its endpoints are.
  Ptr<EndpointSource> endpoints;
  bool accepted = false;
  Problems problems;

  bool operator==(const TranslatedCluster& other) const {
    return accepted == other.accepted && problems == other.problems &&
           (endpoints == other.endpoints || (endpoints && other.endpoints && *endpoints == *other.endpoints)) &&
           (resource == other.resource || (resource && other.resource && *resource == *other.resource));
  }
};

// Problems are told about the Upstream, or about `object` when the Upstream was made from that.
TranslatedCluster TranslateCluster(const Context& context, const UpstreamRef& ref, const gloov1::Upstream& upstream);
TranslatedCluster TranslateCluster(const Context& context, const UpstreamRef& ref, const gloov1::Upstream& upstream,
                                   const ResourceKey& object);

// The cluster of a port of a Service that routes lead to without an Upstream; the port must be there.
TranslatedCluster TranslateDestination(const Context& context, const KubeDestination& destination,
                                       const Object<core::Service>& service);

// For LastGood.
flow::Candidate<xds::Resource> ClusterOf(const TranslatedCluster& cluster);
flow::Candidate<EndpointSource> EndpointSourceOf(const TranslatedCluster& cluster);

// What routes may know of the Upstream; `served` is left to the caller.
UpstreamHead DescribeUpstream(const gloov1::Upstream& upstream);

}  // namespace k8sgw::envoy
