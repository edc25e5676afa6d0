// The virtual hosts of a table in blocks that its versions share: an edit of one of 50,000 joins one block anew and
// only looks at the pointers of the others.
//
// A block ends where the next virtual host's name says so, so the same virtual hosts make the same blocks whatever was
// there before.
#pragma once

#include <vector>

#include "absl/container/btree_map.h"
#include "src/envoy/block.h"
#include "src/envoy/virtual_host.h"
#include "src/proxy/proxy.h"

namespace k8sgw::envoy {

// A virtual host that owns all of its domains within the route configuration.
struct ServedVirtualHost {
  Ptr<VirtualHost> host;

  bool operator==(const ServedVirtualHost& other) const { return *host == *other.host; }
};

using ServedVirtualHosts = absl::btree_map<proxy::VirtualHostKey, Ptr<ServedVirtualHost>>;

struct HostBlock : Block {
  // Never empty.
  std::vector<Ptr<ServedVirtualHost>> hosts;
};

using HostBlocks = std::vector<Ptr<HostBlock>>;

// All hosts in their order. Blocks of `before` that are as they were are used again.
HostBlocks MakeBlocks(const ServedVirtualHosts& hosts, const HostBlocks& before);

}  // namespace k8sgw::envoy
