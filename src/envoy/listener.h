// proxy::Listener and the VirtualServices bound to it → Listener.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "src/envoy/division.h"
#include "src/envoy/plugin.h"
#include "src/proxy/proxy.h"
#include "src/xds/resource.h"

namespace k8sgw::envoy {

using Bindings = absl::btree_map<proxy::VirtualHostKey, Ptr<proxy::Binding>>;

struct TranslatedListener {
  // nullptr when nothing can be served: no virtual hosts, or no usable certificate.
  Ptr<xds::Resource> resource;
  // The ssl hashes of the route configurations that it asks for: those of chains that were left out are not among them.
  std::set<uint64_t> route_configs;
  // Of these, the ones that are divided for clients that have the module.
  std::map<uint64_t, Cut> cuts;
  Problems problems;

  bool operator==(const TranslatedListener& other) const {
    return problems == other.problems && route_configs == other.route_configs && cuts == other.cuts &&
           (resource == other.resource || (resource && other.resource && *resource == *other.resource));
  }
};

// The listener with the ConfigMaps and modules that `context` has found while it was checked.
Ptr<proxy::Listener> WithFound(Ptr<proxy::Listener> listener, const Context& context);

// Everything but the filter chains: whether the Gateway is right, whatever is bound to it.
Problems CheckListener(const Context& context, const proxy::Listener& in);

// `bindings` are read for ssl listeners only. `needs` are those of the listener's route configurations, by ssl hash
// (one entry, 0, unless virtual hosts are isolated); a chain whose hash is not in it has no virtual hosts.
// Problems of TLS are reported on the VirtualServices that they come from; their chain is left out and the others
// are served. `divisions` are by ssl hash like `needs`; where there is none, the table is whole.
TranslatedListener TranslateListener(const Context& context, const proxy::Listener& in, const Bindings& bindings,
                                     const std::map<uint64_t, Needs>& needs,
                                     const std::map<uint64_t, Division>& divisions = {});

}  // namespace k8sgw::envoy
