// The virtual hosts of a filter chain, joined to a RouteConfiguration without touching their bytes.
#pragma once

#include <map>

#include "absl/container/btree_map.h"
#include "src/envoy/virtual_host.h"
#include "src/proxy/proxy.h"
#include "src/xds/resource.h"

namespace k8sgw::envoy {

// A virtual host that owns all of its domains within the route configuration.
struct ServedVirtualHost {
  Ptr<VirtualHost> host;

  bool operator==(const ServedVirtualHost& other) const { return *host == *other.host; }
};

struct RouteConfiguration {
  Ptr<xds::Resource> resource;

  bool operator==(const RouteConfiguration& other) const { return *resource == *other.resource; }
};

// Costs one pointer and one hash step per virtual host.
RouteConfiguration JoinVirtualHosts(const proxy::Listener& listener, const RouteConfigKey& key,
                                    const absl::btree_map<proxy::VirtualHostKey, Ptr<ServedVirtualHost>>& hosts);

}  // namespace k8sgw::envoy
