// proxy::VirtualHost → the virtual host of an Envoy RouteConfiguration, already serialized.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "src/envoy/plugin.h"
#include "src/proxy/proxy.h"

namespace k8sgw::envoy {

// Longer bodies of direct responses are refused by Envoy, with the whole table, unless the table allows them.
inline constexpr uint32_t kDefaultMaxBodyBytes = 4096;

// One or more filter chains of a listener share a route configuration: the listener's only one, or one per distinct
// sslConfig when virtual hosts are isolated by it.
struct RouteConfigKey {
  proxy::ListenerKey listener;
  // 0 for the listener's only one.
  uint64_t ssl_hash = 0;

  auto operator<=>(const RouteConfigKey&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const RouteConfigKey& key) {
    return H::combine(std::move(state), key.listener, key.ssl_hash);
  }
  std::string ToString() const { return listener.ToString() + "/" + std::to_string(ssl_hash); }
};

struct VirtualHost {
  RouteConfigKey route_config;
  // Lower case; never empty.
  std::vector<std::string> domains;
  // The field `virtual_hosts` of a RouteConfiguration, with tag and length: ready to be joined with others.
  Ptr<std::string> bytes;
  Needs needs;
  // Of its longest direct response, in bytes.
  uint32_t longest_body = 0;
  // Destinations that lead to the fallback cluster, as theirs is missing or faulty, and routes that are left out.
  uint32_t replaced_routes = 0;
  // Where its routes lead without an Upstream.
  std::set<KubeDestination> kube_destinations;
  // What it was made from.
  Ptr<proxy::VirtualHost> from;
  uint64_t hash = 0;

  bool operator==(const VirtualHost& other) const {
    return hash == other.hash && kube_destinations == other.kube_destinations && route_config == other.route_config &&
           needs == other.needs && replaced_routes == other.replaced_routes && from->hash == other.from->hash;
  }
};

// The result of one translation: `value` is set even when it is refused.
struct TranslatedVirtualHost {
  Ptr<VirtualHost> value;
  bool accepted = false;
  Problems problems;

  bool operator==(const TranslatedVirtualHost& other) const {
    return accepted == other.accepted && *value == *other.value && problems == other.problems;
  }
};

// Listeners with `ssl` redirect plain requests to https. Errors of routes refuse the whole virtual host, unless
// Settings' replaceInvalidRoutes sends those routes to the fallback cluster instead; then they are warnings.
TranslatedVirtualHost TranslateVirtualHost(const Context& context, const proxy::Listener& listener,
                                           const Ptr<proxy::VirtualHost>& in, const RouteConfigKey& route_config);

}  // namespace k8sgw::envoy
