// Things that only one of several claimants may have: a domain of a route configuration, the address of a listener.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "src/base/ptr.h"
#include "src/envoy/virtual_host.h"
#include "src/proxy/proxy.h"

namespace k8sgw::envoy {

// A domain within a route configuration.
struct DomainKey {
  RouteConfigKey route_config;
  std::string domain;
  auto operator<=>(const DomainKey&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const DomainKey& key) {
    return H::combine(std::move(state), key.route_config, key.domain);
  }
};

// A listener of a proxy by the name that Envoy gets, which says its address.
struct ListenerName {
  ProxyRef proxy;
  std::string name;
  auto operator<=>(const ListenerName&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const ListenerName& key) {
    return H::combine(std::move(state), key.proxy, key.name);
  }
};

// Whether `key` owns what the claimants share: a domain, or the address of a listener. Usually it is alone. Two can
// claim the same thing only when one of them is a last good version that its object has left behind: those whose
// current version still claims it come first.
template <class K, class V>
bool Owns(const K& key, const absl::btree_map<K, Ptr<V>>& claimants,
          const std::function<bool(const K&)>& still_claims) {
  if (claimants.size() == 1) return true;
  const K* owner = nullptr;
  bool owner_claims = false;
  for (const auto& [claimant, value] : claimants) {
    const bool claims = still_claims(claimant);
    if (!owner || (claims && !owner_claims)) {
      owner = &claimant;
      owner_claims = claims;
    }
  }
  return *owner == key;
}

}  // namespace k8sgw::envoy
