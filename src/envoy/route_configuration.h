// The virtual hosts of a filter chain, joined to a RouteConfiguration without touching their bytes.
#pragma once

#include "src/envoy/host_blocks.h"
#include "src/proxy/proxy.h"
#include "src/xds/resource.h"

namespace k8sgw::envoy {

struct RouteConfiguration {
  Ptr<xds::Resource> resource;
  // What it was joined from, for the version after it.
  HostBlocks blocks;

  bool operator==(const RouteConfiguration& other) const { return *resource == *other.resource; }
};

// `before` is the version before it, from which blocks that did not change are taken; nullptr for none. Costs the look
// at one pointer for each virtual host, and the work for one block where something changed.
RouteConfiguration JoinVirtualHosts(const proxy::Listener& listener, const RouteConfigKey& key,
                                    const ServedVirtualHosts& hosts, const RouteConfiguration* before = nullptr);

}  // namespace k8sgw::envoy
