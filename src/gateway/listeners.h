// Gateway → proxy::Listener, one per name of a proxy.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "src/gateway/listener_defaults.h"
#include "src/gateway/places.h"
#include "src/gateway/selection.h"
#include "src/gateway/settings.h"

namespace k8sgw::gateway {

// Gateways of one proxy must not share one.
struct BindAddress {
  std::string proxy;
  std::string address;
  uint32_t port = 0;

  auto operator<=>(const BindAddress&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const BindAddress& key) {
    return H::combine(std::move(state), key.proxy, key.address, key.port);
  }
  std::string ToString() const { return proxy + " " + address + ":" + std::to_string(port); }
};

// The names of the proxies that a Gateway is for, without repetitions; `gateway-proxy` when it gives none.
std::vector<std::string> ProxyNames(const gatewayv1::Gateway& gateway);
std::vector<BindAddress> BindAddresses(const gatewayv1::Gateway& gateway);

// Whether the Gateway becomes listeners at all. If not, CheckUntranslated says why.
bool IsTranslated(const Object<gatewayv1::Gateway>& gateway, const GatewaySettings& settings);
Problems CheckUntranslated(const Object<gatewayv1::Gateway>& gateway, const GatewaySettings& settings);

// The same Gateway for one proxy: what is served, and whom it takes.
struct TranslatedGateway {
  Ptr<proxy::Listener> listener;
  Ptr<Selection> selection;

  bool operator==(const TranslatedGateway& other) const {
    return *listener == *other.listener && *selection == *other.selection;
  }
};

// What a Gateway looks up.
struct GatewayLookups {
  // Gateways that count and have this bind address, in order, the Gateway itself included.
  std::function<std::vector<GatewayRef>(const BindAddress&)> sharing;
  std::function<bool(const VirtualServiceRef&)> exists;
};

// The listener is accepted unless the Gateway has errors. One exception: an explicit ref to a VirtualService that does
// not exist is published as an error, but it does not freeze the listener for all the others. `defaults` may be
// nullptr.
TranslatedGateway TranslateGateway(const Object<gatewayv1::Gateway>& gateway, const std::string& proxy,
                                   const GatewaySettings& settings, const ListenerDefaults* defaults,
                                   const GatewayLookups& lookups);

}  // namespace k8sgw::gateway
