// VirtualService → proxy::VirtualHost, for one listener.
#pragma once

#include <functional>

#include "src/gateway/bindings.h"
#include "src/gateway/route_lookups.h"

namespace k8sgw::gateway {

struct VirtualHostLookups {
  RouteLookups routes;
  std::function<Ptr<Object<gatewayv1::VirtualHostOption>>(const VirtualHostOptionRef&)> virtual_host_option;
  std::function<const Claimants&(const DomainKey&)> claimants;
  // What is wrong with the content of the VirtualService; nullptr when nothing is.
  Ptr<Problems> content_problems;
  // Domains need to be unique per distinct sslConfig only.
  bool isolated = false;
};

// Accepted unless the VirtualService, or a RouteTable or RouteOption that it includes, has errors. An error stays on
// the object that has it; each includer gets one warning that says why it is frozen.
Ptr<proxy::VirtualHost> MakeVirtualHost(const proxy::VirtualHostKey& key,
                                        const Object<gatewayv1::VirtualService>& service, const proxy::Binding& binding,
                                        const VirtualHostLookups& lookups);

}  // namespace k8sgw::gateway
