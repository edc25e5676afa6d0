// The published Proxy message, put together from its parts for those who want to see it whole.
#pragma once

#include <map>
#include <vector>

#include "src/flow/collection.h"
#include "src/proxy/proxy.h"

namespace gloo::solo::io {
class Proxy;
}

namespace k8sgw::proxy {

// One Proxy per name, in order; listeners and virtual hosts are sorted by name. `hosts` are those that serve. Listeners
// that isolate virtual hosts by sslConfig become AggregateListeners.
std::vector<gloov1::Proxy> AssembleProxies(const flow::Collection<ListenerKey, Listener>& listeners,
                                           const flow::Collection<VirtualHostKey, Binding>& bindings,
                                           const std::map<VirtualHostKey, Ptr<VirtualHost>>& hosts);

}  // namespace k8sgw::proxy
