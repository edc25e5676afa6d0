// The one intermediate form between users' objects and Envoy: the Proxy, in pieces.
//
// What users know as a Proxy resource is kept as separate, immutable parts, so that one edited VirtualService replaces
// one VirtualHost and nothing else: a Listener per Gateway and proxy, and a VirtualHost per VirtualService and
// listener. AssembleProxy puts the whole published message together when somebody wants to see it.
//
// Every part remembers its Source, so that whatever is found wrong with it later is reported on the object, and at the
// field, that caused it.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "src/base/ptr.h"
#include "src/model/objects.h"

namespace gloo::solo::io {
class Listener;
class SslConfig;
class VirtualHost;
}  // namespace gloo::solo::io

namespace k8sgw::proxy {

// A field of a user's object.
struct Source {
  ResourceKey object;
  // From the object's spec: `virtualHost.routes[2]`.
  std::string path;

  auto operator<=>(const Source&) const = default;
};

// Where the top-level fields of an options message came from, for those that did not stand in the part's own
// `options`: the field's number in the message, and the place of the options message that it was taken from.
using OptionSources = std::vector<std::pair<int, Source>>;

// One listener of one Proxy. The name is unique within the proxy, the Gateway within its namespace.
struct ListenerKey {
  ProxyRef proxy;
  GatewayRef gateway;

  auto operator<=>(const ListenerKey&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const ListenerKey& key) {
    return H::combine(std::move(state), key.proxy, key.gateway);
  }
  std::string ToString() const { return proxy.ToString() + "/" + gateway.ToString(); }
};

// One VirtualService in one listener.
struct VirtualHostKey {
  ListenerKey listener;
  VirtualServiceRef virtual_service;

  auto operator<=>(const VirtualHostKey&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const VirtualHostKey& key) {
    return H::combine(std::move(state), key.listener, key.virtual_service);
  }
  std::string ToString() const { return listener.ToString() + "/" + virtual_service.ToString(); }
};

// ConfigMaps by their names.
using Artifacts = std::map<ArtifactRef, Ptr<Object<gloov1::Artifact>>>;

// The SHA-256 of WebAssembly modules by the images that they are in.
using WasmModules = std::map<std::string, std::string>;

struct Listener {
  // The published message, without virtual hosts and without sslConfigurations (those come from the VirtualServices).
  Ptr<gloov1::Listener> spec;
  Source source;
  // Of the HTTP options of spec: those that Settings give to listeners without any of their own.
  OptionSources options;
  // True when the listener takes VirtualServices with an sslConfig (and only those).
  bool ssl = false;
  // One route configuration and filter chain per distinct sslConfig (isolateVirtualHostsBySslConfig) instead of one
  // route configuration for the whole listener.
  bool isolate_by_ssl_config = false;
  // False when the Gateway has errors: the last good listener keeps serving.
  bool accepted = true;
  Problems problems;
  // The ConfigMaps that its options name, as they were when the options were checked: the last good listener goes on
  // with the ConfigMaps that it was good with. Added by src/envoy.
  Artifacts artifacts;
  // The same of the images that its options name.
  WasmModules wasm_modules;
  // Of everything above.
  uint64_t hash = 0;

  bool operator==(const Listener& other) const { return hash == other.hash; }
};

// That a VirtualService belongs to a listener, with only what the listener needs to know of it: an edit of routes does
// not change a Binding.
struct Binding {
  std::vector<std::string> domains;  // never empty: {"*"} when the VirtualService gives none
  // The sslConfig with Settings applied; nullptr without TLS.
  Ptr<gloov1::SslConfig> ssl_config;
  // Of the sslConfig without its sniDomains; equal means one filter chain. 0 without TLS.
  uint64_t ssl_hash = 0;
  // metadata.creationTimestamp, for conflicts.
  std::string created;
  uint64_t hash = 0;

  bool operator==(const Binding& other) const { return hash == other.hash; }
};

// An object that a part was made from, as it was then.
struct Origin {
  ResourceKey object;
  int64_t generation = 0;

  auto operator<=>(const Origin&) const = default;
};

// Where a flattened route came from.
struct RouteSource {
  Source route;
  // Its own object first, then those that delegated to it.
  std::vector<Origin> origins;
  OptionSources options;
};

// One VirtualService as the listener sees it: options merged, delegation flattened.
struct VirtualHost {
  // Never nullptr. Named `<namespace>.<name>`. Without the published metadataStatic, which says what the sources say.
  Ptr<gloov1::VirtualHost> spec;
  Source source;  // the VirtualService, at `virtualHost`
  int64_t generation = 0;
  OptionSources options;
  std::vector<RouteSource> routes;  // one per route of spec
  // False when the VirtualService, or something that it includes, has errors: the last good version keeps serving.
  bool accepted = true;
  Problems problems;
  uint64_t hash = 0;

  bool operator==(const VirtualHost& other) const { return hash == other.hash; }
};

}  // namespace k8sgw::proxy
