// Divided route tables in the graph: how each is divided, and its parts. An edit of a virtual host makes one part anew.
//
// What is divided depends on what was before (a division stays as long as it is bearable), and the parts of an older
// cut stay while Envoys drain the connections that still use them; a run from scratch is told both by Memory.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/envoy/division.h"
#include "src/envoy/host_blocks.h"
#include "src/envoy/host_split.h"
#include "src/envoy/listener.h"
#include "src/envoy/route_configuration.h"
#include "src/flow/flow.h"
#include "src/proxy/proxy.h"

namespace k8sgw {
struct Inputs;
}

namespace k8sgw::envoy {

// A part of a table.
struct ShardKey {
  RouteConfigKey route_config;
  Cut cut;
  uint32_t shard = 0;

  auto operator<=>(const ShardKey&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const ShardKey& key) {
    return H::combine(std::move(state), key.route_config, key.cut, key.shard);
  }
  std::string ToString() const { return ShardPrefix(route_config.ToString(), cut) + std::to_string(shard); }
};

// A virtual host in a part.
struct ShardHostKey {
  ShardKey shard;
  proxy::VirtualHostKey host;

  auto operator<=>(const ShardHostKey&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const ShardHostKey& key) {
    return H::combine(std::move(state), key.shard, key.host);
  }
  std::string ToString() const { return shard.ToString() + "/" + host.ToString(); }
};

// Proxies of which some Envoy has the module. Nothing is divided for others.
struct UsesModule {
  bool operator==(const UsesModule&) const = default;
};

// Before the listeners.
class Divisions {
 public:
  // `needs` has an entry for each table that is served. Nothing is divided before DivideInto is called.
  Divisions(flow::Graph& graph, const flow::Collection<proxy::VirtualHostKey, ServedVirtualHost>& served,
            const flow::Collection<RouteConfigKey, Needs>& needs, const Inputs& in, const SettingsRef& settings);

  // By ssl hash, of these of a listener.
  std::map<uint64_t, Division> Of(flow::Reader& reader, const proxy::ListenerKey& listener,
                                  const std::map<uint64_t, Needs>& needs) const;

  // As in src/proxy/route_shards.h, where neither the Gateway nor Settings say it; 0 forbids it for all. Before the
  // first Commit.
  void DivideInto(uint32_t shards) { route_shards_ = shards; }

  flow::Input<ProxyRef, UsesModule> with_module;

  struct Memory {
    std::vector<ProxyRef> with_module;
    std::map<RouteConfigKey, Division> divisions;
  };
  Memory memory() const;
  void Remember(const Memory& memory);

 private:
  // What the Gateway, Settings or the command line say.
  uint32_t ShardsFor(flow::Reader& reader, const GatewayRef& gateway) const;

  const Inputs& in_;
  const SettingsRef settings_;
  uint32_t route_shards_ = 0;
  std::map<RouteConfigKey, Division> remembered_;
  flow::Derived<proxy::VirtualHostKey, ServedVirtualHost, proxy::VirtualHostKey, DomainCount> counts_;
  flow::Index<RouteConfigKey, proxy::VirtualHostKey, DomainCount> counts_by_route_config_;

 public:
  flow::Derived<RouteConfigKey, Needs, RouteConfigKey, Division> divisions;
};

// The cut in force, and older ones that connections may still use.
struct Generations {
  Cut current;
  struct Old {
    Cut cut;
    uint64_t epoch = 0;  // when it became old
    auto operator<=>(const Old&) const = default;
  };
  std::vector<Old> old;

  bool operator==(const Generations&) const = default;
};

// What the parts of a table have in common.
struct ShardHead {
  Ptr<proxy::Listener> listener;
  std::string name;

  bool operator==(const ShardHead& other) const { return name == other.name && *listener == *other.listener; }
};

// After the listeners.
class Shards {
 public:
  Shards(flow::Graph& graph, const flow::Collection<proxy::VirtualHostKey, ServedVirtualHost>& served,
         const flow::Collection<proxy::ListenerKey, proxy::Listener>& served_listeners,
         const flow::Collection<proxy::ListenerKey, TranslatedListener>& listeners);

  // Whether there are tables of older cuts.
  bool HasOld() const;
  // Connections have had the time of a drain: what was old already when this was called last goes with the next Commit.
  void NextEpoch();

  struct Memory {
    uint64_t epoch = 0;
    std::map<RouteConfigKey, Generations> generations;
  };
  Memory memory() const;
  void Remember(const Memory& memory);

 private:
  Generations After(flow::Reader& reader, const RouteConfigKey& key, const Cut& now) const;

  uint64_t epoch_ = 0;
  std::map<RouteConfigKey, Generations> remembered_;
  flow::Input<std::string, uint64_t> epochs_;
  flow::Derived<proxy::ListenerKey, TranslatedListener, RouteConfigKey, Generations> generations_;
  flow::Derived<RouteConfigKey, Generations, ShardKey, ShardHead> heads_;

 public:
  flow::Derived<proxy::VirtualHostKey, ServedVirtualHost, ShardHostKey, HostPiece> pieces;

 private:
  // Pieces of virtual hosts with a wildcard, and the others. The others are joined apart from them: when a wildcard
  // changes, all parts do, and it would take a look at each virtual host of the table.
  flow::Index<ShardKey, ShardHostKey, HostPiece> wildcards_by_shard_;
  flow::Index<ShardKey, ShardHostKey, HostPiece> others_by_shard_;
  flow::Derived<ShardKey, ShardHead, ShardKey, Block> others_;

 public:
  flow::Derived<ShardKey, ShardHead, ShardKey, RouteConfiguration> tables;
  flow::Derived<ShardKey, ShardHead, ShardKey, xds::Resource> scopes;
};

}  // namespace k8sgw::envoy
