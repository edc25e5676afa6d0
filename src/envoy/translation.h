// Parts of Proxies, Upstreams and Secrets → the resources of each proxy.
//
// A group of nodes in the graph, after gateway::Translation. An edited VirtualService is translated on its own, and
// its bytes are joined with the unchanged bytes of its neighbours.
#pragma once

#include <functional>
#include <memory>

#include "src/envoy/cluster.h"
#include "src/envoy/listener.h"
#include "src/envoy/route_configuration.h"
#include "src/envoy/secret_resources.h"
#include "src/envoy/shards.h"
#include "src/envoy/virtual_host.h"
#include "src/gateway/translation.h"

namespace k8sgw {
struct Inputs;
}

namespace k8sgw::envoy {

// A TLS secret as read, with what is wrong with it.
struct CheckedSecret {
  Ptr<TlsMaterial> material;  // nullptr when it cannot be used
  Problems problems;

  bool operator==(const CheckedSecret& other) const {
    return problems == other.problems &&
           (material == other.material || (material && other.material && *material == *other.material));
  }
};

struct CheckedUpstreamGroup {
  Problems problems;

  bool operator==(const CheckedUpstreamGroup&) const = default;
};

// A Gateway's problems as seen from here.
struct CheckedListener {
  Ptr<proxy::Listener> listener;
  bool accepted = false;
  Problems problems;

  bool operator==(const CheckedListener& other) const {
    return accepted == other.accepted && *listener == *other.listener && problems == other.problems;
  }
};

class Translation {
 public:
  Translation(flow::Graph& graph, const Inputs& inputs, const gateway::Translation& gateway,
              const TranslationOptions& options);
  ~Translation();

  // --- what is served
  const flow::Collection<UpstreamRef, xds::Resource>& clusters() const;
  // Of the clusters that do not say their endpoints themselves; by the Upstream, with the name of its cluster.
  const flow::Collection<UpstreamRef, xds::Resource>& endpoints() const;
  const flow::Collection<proxy::ListenerKey, TranslatedListener>& listeners() const;
  const flow::Collection<RouteConfigKey, RouteConfiguration>& route_configurations() const;
  // Of tables that are divided for clients that have the module: their parts, and the scopes of these.
  const flow::Collection<ShardKey, RouteConfiguration>& shard_tables() const;
  const flow::Collection<ShardKey, xds::Resource>& scopes() const;
  // Which virtual hosts stand in which part.
  const flow::Collection<ShardHostKey, HostPiece>& shard_pieces() const;
  // Empty with SecretDelivery::kInline.
  const flow::Collection<SecretRef, SecretResources>& secrets() const;

  // --- what it was made from, and what is wrong
  const flow::Collection<proxy::ListenerKey, proxy::Listener>& served_listeners() const;
  const flow::Collection<proxy::VirtualHostKey, ServedVirtualHost>& served_virtual_hosts() const;
  const flow::Collection<proxy::ListenerKey, CheckedListener>& checked_listeners() const;
  const flow::Collection<proxy::VirtualHostKey, TranslatedVirtualHost>& translated_virtual_hosts() const;
  const flow::Collection<UpstreamRef, TranslatedCluster>& translated_clusters() const;
  // Of ports of Services that routes lead to without an Upstream.
  const flow::Collection<UpstreamRef, TranslatedCluster>& translated_destinations() const;
  // Only groups with problems.
  const flow::Collection<UpstreamGroupRef, CheckedUpstreamGroup>& checked_upstream_groups() const;
  const flow::Collection<SecretRef, CheckedSecret>& checked_secrets() const;

  // --- the memory of last good versions, to be carried over a restart or into a run from scratch
  struct Memory {
    std::map<proxy::ListenerKey, Ptr<proxy::Listener>> listeners;
    std::map<proxy::VirtualHostKey, Ptr<VirtualHost>> virtual_hosts;
    std::map<UpstreamRef, Ptr<xds::Resource>> clusters;
    std::map<UpstreamRef, Ptr<EndpointSource>> endpoints;
    std::map<SecretRef, Ptr<TlsMaterial>> secrets;
    Divisions::Memory divisions;
    Shards::Memory shards;
  };
  Memory memory() const;
  // Before the first Commit.
  void Remember(const Memory& memory);

  // --- divided tables; each counts from the next Commit on
  // Into how many parts, as in src/proxy/route_shards.h; before the first Commit. Without, nothing is divided.
  void DivideTables(uint32_t shards);
  // Some Envoy of this proxy has the module.
  void UseModule(const ProxyRef& proxy);
  bool has_old_shards() const;
  // Connections of listeners that were replaced when this was called last have ended.
  void DrainHasPassed();

 private:
  struct Nodes;
  std::unique_ptr<Nodes> nodes_;
};

}  // namespace k8sgw::envoy
