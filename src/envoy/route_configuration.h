// The virtual hosts of a filter chain, joined to a RouteConfiguration without touching their bytes.
#pragma once

#include <string>
#include <vector>

#include "src/envoy/division.h"
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

// A part of a table that is divided by the cut; it has the name that is given.
RouteConfiguration MakePart(const proxy::Listener& listener, const std::string& name, const Cut& cut,
                            const std::vector<Ptr<Block>>& blocks);

}  // namespace k8sgw::envoy
