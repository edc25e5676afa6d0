// VirtualService → proxy::Binding, and who owns a domain that several VirtualServices of a listener claim.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "src/gateway/places.h"
#include "src/gateway/settings.h"

namespace k8sgw::gateway {

// Whether the VirtualService can be served at all: it counts, and has a virtualHost.
bool IsServable(const Object<gatewayv1::VirtualService>& service, const GatewaySettings& settings);

// The same for each listener that takes the VirtualService.
Ptr<proxy::Binding> MakeBinding(const Object<gatewayv1::VirtualService>& service, const GatewaySettings& settings);

// Where bindings meet: a domain of a listener, in lower case, as hosts are compared without case.
struct DomainKey {
  proxy::ListenerKey listener;
  std::string domain;

  auto operator<=>(const DomainKey&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const DomainKey& key) {
    return H::combine(std::move(state), key.listener, key.domain);
  }
  std::string ToString() const { return listener.ToString() + " " + domain; }
};
// Without repetitions.
std::vector<DomainKey> DomainKeys(const proxy::ListenerKey& listener, const proxy::Binding& binding);

using Claimants = absl::btree_map<proxy::VirtualHostKey, Ptr<proxy::Binding>>;

// Each domain may be claimed once. The oldest claimant keeps it, with a warning; the others get an error, so that their
// last good version keeps serving. As published, all of them and the listener would be frozen; here one team cannot
// stop another. With `isolated`, only claimants with the same sslConfig meet. `at` is the VirtualService's virtualHost;
// `claimants` finds those of a domain, `self` included.
Problems CheckDomains(const proxy::VirtualHostKey& self, const proxy::Binding& binding, bool isolated, bool has_domains,
                      const std::function<const Claimants&(const DomainKey&)>& claimants, const Source& at);

}  // namespace k8sgw::gateway
