#include "src/envoy/translation.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <functional>
#include <set>

#include "absl/strings/match.h"
#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/envoy/destination.h"
#include "src/envoy/names.h"
#include "src/envoy/owners.h"
#include "src/envoy/resource.h"
#include "src/envoy/tls.h"
#include "src/envoy/views.h"
#include "src/gateway/union.h"
#include "src/model/inputs.h"

namespace k8sgw::envoy {
namespace {

using proxy::ListenerKey;
using proxy::VirtualHostKey;

}  // namespace

struct Translation::Nodes {
  const TranslationOptions options;
  const Inputs& inputs;
  const gateway::Translation& gateway;

  flow::Derived<SettingsRef, Object<gloov1::Settings>, SettingsRef, Object<gloov1::Settings>> settings_for_many;

  // --- secrets
  flow::Derived<SecretRef, Object<gloov1::Secret>, SecretRef, CheckedSecret> checked_secrets;
  flow::LastGood<SecretRef, CheckedSecret, TlsMaterial> tls_materials;
  flow::Derived<SecretRef, TlsMaterial, SecretRef, SecretResources> secrets;

  // --- clusters. Upstreams know nothing of each other, so what they may look at has no upstreams in it.
  flow::Input<UpstreamRef, UpstreamHead> no_upstreams;
  const Context::Collections cluster_view;
  flow::Derived<UpstreamRef, Object<gloov1::Upstream>, UpstreamRef, TranslatedCluster> translated_clusters;
  flow::LastGood<UpstreamRef, TranslatedCluster, xds::Resource> clusters;
  flow::LastGood<UpstreamRef, TranslatedCluster, EndpointSource> endpoint_sources;
  flow::Derived<UpstreamRef, Object<gloov1::Upstream>, UpstreamRef, UpstreamHead> upstreams;

  // --- virtual hosts
  const Context::Collections view;
  flow::Derived<ListenerKey, proxy::Listener, ListenerKey, proxy::Listener> listeners_for_routes;
  flow::Derived<UpstreamGroupRef, Object<gloov1::UpstreamGroup>, UpstreamGroupRef, CheckedUpstreamGroup> checked_groups;
  flow::Derived<VirtualHostKey, proxy::VirtualHost, VirtualHostKey, TranslatedVirtualHost> translated_virtual_hosts;
  flow::LastGood<VirtualHostKey, TranslatedVirtualHost, VirtualHost> virtual_hosts;
  flow::Index<DomainKey, VirtualHostKey, VirtualHost> virtual_hosts_by_domain;
  flow::Derived<VirtualHostKey, VirtualHost, VirtualHostKey, ServedVirtualHost> served;
  flow::Index<RouteConfigKey, VirtualHostKey, ServedVirtualHost> served_by_route_config;
  // Only those that need filters.
  flow::Index<RouteConfigKey, VirtualHostKey, ServedVirtualHost> needy_by_route_config;

  // --- clusters of Services that routes lead to without an Upstream
  flow::Derived<VirtualHostKey, VirtualHost, UpstreamRef, KubeDestination> kube_destinations;
  flow::Derived<UpstreamRef, KubeDestination, UpstreamRef, TranslatedCluster> translated_kube_clusters;
  flow::LastGood<UpstreamRef, TranslatedCluster, xds::Resource> kube_clusters;
  flow::LastGood<UpstreamRef, TranslatedCluster, EndpointSource> kube_endpoint_sources;
  gateway::Union<UpstreamRef, xds::Resource> served_clusters;

  // --- endpoints
  flow::Index<ServiceRef, EndpointSliceRef, Object<core::EndpointSlice>> slices_by_service;
  gateway::Union<UpstreamRef, EndpointSource> served_endpoint_sources;
  flow::Derived<UpstreamRef, EndpointSource, UpstreamRef, xds::Resource> endpoints;

  // --- listeners
  flow::Derived<ListenerKey, proxy::Listener, ListenerKey, CheckedListener> checked_listeners;
  flow::LastGood<ListenerKey, CheckedListener, proxy::Listener> good_listeners;
  flow::Index<ListenerName, ListenerKey, proxy::Listener> good_listeners_by_name;
  flow::Derived<ListenerKey, proxy::Listener, ListenerKey, proxy::Listener> served_listeners;
  // One entry for each route configuration.
  flow::Derived<ListenerKey, proxy::Listener, RouteConfigKey, Needs> needs;
  Divisions divisions;
  flow::Derived<ListenerKey, proxy::Listener, RouteConfigKey, RouteConfiguration> route_configurations;
  flow::Derived<ListenerKey, proxy::Listener, ListenerKey, TranslatedListener> listeners;
  flow::Derived<RouteConfigKey, RouteConfiguration, RouteConfigKey, RouteConfiguration> served_route_configurations;
  Shards shards;

  Nodes(flow::Graph& graph, const Inputs& in, const gateway::Translation& gw, const TranslationOptions& opts);

  Context MakeContext(flow::Reader& reader, const Context::Collections& collections,
                      const proxy::Listener* accepted = nullptr) {
    return MakeContext(reader, collections, reader.Get(inputs.settings, options.settings.ref()), accepted);
  }
  // For translations of which there are many.
  Context MakeNarrowContext(flow::Reader& reader, const Context::Collections& collections) {
    return MakeContext(reader, collections, reader.Get(settings_for_many, options.settings.ref()), nullptr);
  }
  Context MakeContext(flow::Reader& reader, const Context::Collections& collections,
                      const Ptr<Object<gloov1::Settings>>& object, const proxy::Listener* accepted) {
    static const auto kDefaults = std::make_shared<const gloov1::Settings>();
    Ptr<gloov1::Settings> settings = object ? Ptr<gloov1::Settings>(object, &object->spec) : kDefaults;
    return {reader, collections, std::move(settings), options, accepted};
  }

  // The ssl hashes for which the listener has a route configuration.
  std::set<uint64_t> RouteConfigHashes(flow::Reader& reader, const ListenerKey& key, const proxy::Listener& listener) {
    if (!listener.isolate_by_ssl_config || !listener.ssl) return {0};
    std::set<uint64_t> hashes;
    for (const auto& [name, binding] : reader.Find(gateway.bindings_by_listener(), key)) {
      hashes.insert(binding->ssl_hash);
    }
    return hashes;
  }
};

Translation::Nodes::Nodes(flow::Graph& graph, const Inputs& in, const gateway::Translation& gw,
                          const TranslationOptions& opts)
    : options(opts),
      inputs(in),
      gateway(gw),
      settings_for_many(graph, "settings-for-many", in.settings, {},
                        [this](flow::Reader&, const SettingsRef& ref, const Object<gloov1::Settings>& all, auto& out) {
                          if (ref == options.settings.ref()) out.Emit(ref, SettingsForMany(all));
                        }),
      checked_secrets(
          graph, "checked-secrets", in.secrets, {},
          [this](flow::Reader&, const SecretRef& ref, const Object<gloov1::Secret>& secret, auto& out) {
            if (!secret.spec.has_tls()) return;
            CheckedSecret checked;
            Reporter report(checked.problems, {{Kind::kSecret, ref.ns, ref.name}, ""});
            if (auto material = ReadTlsSecret(secret.spec, options.clock ? options.clock() : options.now, report)) {
              checked.material = std::make_shared<const TlsMaterial>(std::move(*material));
            }
            out.Emit(ref, std::move(checked));
          }),
      tls_materials(graph, "tls-materials", checked_secrets,
                    [](const CheckedSecret& secret) {
                      return flow::Candidate<TlsMaterial>{secret.material, secret.material != nullptr};
                    }),
      secrets(graph, "sds-secrets", tls_materials, {},
              [this](flow::Reader&, const SecretRef& ref, const TlsMaterial& material, auto& out) {
                if (options.secret_delivery == SecretDelivery::kSds) out.Emit(ref, MakeSecretResources(ref, material));
              }),
      no_upstreams(graph, "no-upstreams"),
      cluster_view{no_upstreams, in.upstream_groups, in.secrets,     tls_materials,
                   in.services,  in.artifacts,       in.wasm_modules},
      translated_clusters(
          graph, "translated-clusters", in.upstreams,
          {&settings_for_many, &no_upstreams, &in.upstream_groups, &in.secrets, &tls_materials, &in.services},
          [this](flow::Reader& reader, const UpstreamRef& ref, const Object<gloov1::Upstream>& upstream, auto& out) {
            out.Emit(ref, TranslateCluster(MakeNarrowContext(reader, cluster_view), ref, upstream.spec));
          }),
      clusters(graph, "clusters", translated_clusters, ClusterOf),
      endpoint_sources(graph, "endpoint-sources", translated_clusters, EndpointSourceOf),
      upstreams(
          graph, "upstream-heads", in.upstreams, {&clusters},
          [this](flow::Reader& reader, const UpstreamRef& ref, const Object<gloov1::Upstream>& upstream, auto& out) {
            UpstreamHead head = DescribeUpstream(upstream.spec);
            head.served = reader.Get(clusters, ref) != nullptr;
            out.Emit(ref, std::move(head));
          }),
      view{upstreams, in.upstream_groups, in.secrets, tls_materials, in.services, in.artifacts, in.wasm_modules},
      listeners_for_routes(graph, "listeners-for-routes", gw.listeners(), {},
                           [](flow::Reader&, const ListenerKey& key, const proxy::Listener& listener, auto& out) {
                             out.Emit(key, ListenerForRoutes(listener));
                           }),
      checked_groups(
          graph, "checked-upstream-groups", in.upstream_groups,
          {&settings_for_many, &upstreams, &in.upstream_groups, &in.secrets, &tls_materials, &in.services},
          [this](flow::Reader& reader, const UpstreamGroupRef& ref, const Object<gloov1::UpstreamGroup>& group,
                 auto& out) {
            CheckedUpstreamGroup checked{CheckUpstreamGroup(MakeNarrowContext(reader, view), ref, group.spec)};
            if (!checked.problems.empty()) out.Emit(ref, std::move(checked));
          }),
      translated_virtual_hosts(
          graph, "translated-virtual-hosts", gw.virtual_hosts(),
          {&settings_for_many, &upstreams, &in.upstream_groups, &in.secrets, &tls_materials, &in.services,
           &gw.bindings(), &listeners_for_routes},
          [this](flow::Reader& reader, const VirtualHostKey& key, const proxy::VirtualHost& host, auto& out) {
            const auto listener = reader.Get(listeners_for_routes, key.listener);
            const auto binding = reader.Get(gateway.bindings(), key);
            if (!listener || !binding) return;
            const RouteConfigKey route_config{key.listener, listener->isolate_by_ssl_config ? binding->ssl_hash : 0};
            // Shares the graph's value instead of copying it.
            const auto shared = gateway.virtual_hosts().Get(key);
            out.Emit(key, TranslateVirtualHost(MakeNarrowContext(reader, view), *listener, shared, route_config));
            static_cast<void>(host);
          }),
      virtual_hosts(
          graph, "virtual-hosts-last-good", translated_virtual_hosts,
          [](const TranslatedVirtualHost& host) { return flow::Candidate<VirtualHost>{host.value, host.accepted}; }),
      virtual_hosts_by_domain(graph, "virtual-hosts-by-domain", virtual_hosts,
                              [](const VirtualHostKey&, const VirtualHost& host) {
                                std::vector<DomainKey> keys;
                                for (const std::string& domain : host.domains)
                                  keys.push_back({host.route_config, domain});
                                return keys;
                              }),
      served(graph, "served-virtual-hosts", virtual_hosts, {&virtual_hosts_by_domain, &gw.bindings()},
             [this](flow::Reader& reader, const VirtualHostKey& key, const VirtualHost& host, auto& out) {
               for (const std::string& domain : host.domains) {
                 const auto& claimants = reader.Find(virtual_hosts_by_domain, DomainKey{host.route_config, domain});
                 const std::function<bool(const VirtualHostKey&)> still_claims = [&](const VirtualHostKey& claimant) {
                   const auto binding = reader.Get(gateway.bindings(), claimant);
                   return binding && std::ranges::any_of(binding->domains, [&](const std::string& claimed) {
                            return absl::EqualsIgnoreCase(claimed, domain);
                          });
                 };
                 if (!Owns(key, claimants, still_claims)) return;
               }
               out.Emit(key, ServedVirtualHost{virtual_hosts.Get(key)});
             }),
      served_by_route_config(graph, "served-by-route-configuration", served,
                             [](const VirtualHostKey&, const ServedVirtualHost& served_host) {
                               return std::vector<RouteConfigKey>{served_host.host->route_config};
                             }),
      needy_by_route_config(graph, "needy-by-route-configuration", served,
                            [](const VirtualHostKey&, const ServedVirtualHost& served_host) {
                              std::vector<RouteConfigKey> keys;
                              if (!served_host.host->needs.empty()) keys.push_back(served_host.host->route_config);
                              return keys;
                            }),
      kube_destinations(graph, "kube-destinations", virtual_hosts, {},
                        [](flow::Reader&, const VirtualHostKey&, const VirtualHost& host, auto& out) {
                          for (const KubeDestination& to : host.kube_destinations) out.Emit(to.upstream(), to);
                        }),
      translated_kube_clusters(
          graph, "translated-kube-clusters", kube_destinations,
          {&settings_for_many, &no_upstreams, &in.upstream_groups, &in.secrets, &tls_materials, &in.services},
          [this](flow::Reader& reader, const UpstreamRef& ref, const KubeDestination& to, auto& out) {
            const auto service = reader.Get(inputs.services, to.service);
            if (!service || !FindPort(service->spec, to.port)) return;
            out.Emit(ref, TranslateDestination(MakeNarrowContext(reader, cluster_view), to, *service));
          }),
      kube_clusters(graph, "kube-clusters", translated_kube_clusters, ClusterOf),
      kube_endpoint_sources(graph, "kube-endpoint-sources", translated_kube_clusters, EndpointSourceOf),
      served_clusters(graph, "served-clusters", {&clusters, &kube_clusters}),
      slices_by_service(graph, "slices-by-service", in.endpoint_slices, ServiceOf),
      served_endpoint_sources(graph, "served-endpoint-sources", {&endpoint_sources, &kube_endpoint_sources}),
      endpoints(graph, "endpoints", served_endpoint_sources, {&in.services, &slices_by_service, &in.pods, &in.nodes},
                [this](flow::Reader& reader, const UpstreamRef& ref, const EndpointSource& source, auto& out) {
                  const EndpointInputs from{inputs.services, slices_by_service, inputs.pods, inputs.nodes};
                  out.Emit(ref, MakeLoadAssignment(reader, from, ClusterName(ref), source));
                }),
      checked_listeners(
          graph, "checked-listeners", gw.listeners(),
          {&in.settings, &upstreams, &in.upstream_groups, &in.secrets, &tls_materials, &in.artifacts, &in.wasm_modules},
          [this](flow::Reader& reader, const ListenerKey& key, const proxy::Listener& listener, auto& out) {
            const Context context = MakeContext(reader, view);
            CheckedListener checked;
            checked.problems = CheckListener(context, listener);
            checked.listener = WithFound(gateway.listeners().Get(key), context);
            checked.accepted = listener.accepted && !HasErrors(checked.problems) && !context.waits();
            out.Emit(key, std::move(checked));
          }),
      good_listeners(graph, "listeners-last-good", checked_listeners,
                     [](const CheckedListener& checked) {
                       return flow::Candidate<proxy::Listener>{checked.listener, checked.accepted};
                     }),
      good_listeners_by_name(graph, "good-listeners-by-name", good_listeners,
                             [](const ListenerKey& key, const proxy::Listener& listener) {
                               return std::vector<ListenerName>{{key.proxy, listener.spec->name()}};
                             }),
      served_listeners(
          graph, "served-listeners", good_listeners, {&good_listeners_by_name, &checked_listeners},
          [this](flow::Reader& reader, const ListenerKey& key, const proxy::Listener& listener, auto& out) {
            const std::string& name = listener.spec->name();
            const std::function<bool(const ListenerKey&)> still_claims = [&](const ListenerKey& claimant) {
              const auto checked = reader.Get(checked_listeners, claimant);
              return checked && checked->accepted && checked->listener->spec->name() == name;
            };
            const auto& claimants = reader.Find(good_listeners_by_name, ListenerName{key.proxy, name});
            if (Owns(key, claimants, still_claims)) out.Emit(key, good_listeners.Get(key));
          }),
      needs(graph, "needs", served_listeners,
            {&served_by_route_config, &needy_by_route_config, &gw.bindings_by_listener(), &in.settings},
            [this](flow::Reader& reader, const ListenerKey& key, const proxy::Listener& listener, auto& out) {
              // A listener without any virtual host is not served, as published. One that is needs all of its tables,
              // the empty ones too: Envoy keeps the old routes of a table that it is not told of any more.
              bool serve = MakeContext(reader, view).settings().gateway().translate_empty_gateways().value();
              std::vector<std::pair<RouteConfigKey, Needs>> tables;
              for (uint64_t hash : RouteConfigHashes(reader, key, listener)) {
                const RouteConfigKey route_config{key, hash};
                serve = serve || !reader.Find(served_by_route_config, route_config).empty();
                Needs& all = tables.emplace_back(route_config, Needs()).second;
                for (const auto& [name, needy] : reader.Find(needy_by_route_config, route_config))
                  all.insert(needy->host->needs.begin(), needy->host->needs.end());
              }
              if (!serve) return;
              for (auto& [route_config, all] : tables) out.Emit(route_config, std::move(all));
            }),
      divisions(graph, served, needs, in, opts.settings.ref()),
      route_configurations(
          graph, "route-configurations", served_listeners,
          {&needs, &served_by_route_config, &gw.bindings_by_listener()},
          [this](flow::Reader& reader, const ListenerKey& key, const proxy::Listener& listener, auto& out) {
            for (uint64_t hash : RouteConfigHashes(reader, key, listener)) {
              const RouteConfigKey route_config{key, hash};
              if (!reader.Get(needs, route_config)) continue;
              // What is used again of the version before makes no difference in the result.
              const Ptr<RouteConfiguration> before = route_configurations.Get(route_config);
              out.Emit(route_config, JoinVirtualHosts(listener, route_config,
                                                      reader.Find(served_by_route_config, route_config), before.get()));
            }
          }),
      listeners(graph, "listeners", served_listeners,
                {&needs, &divisions.divisions, &gw.bindings_by_listener(), &in.settings, &upstreams,
                 &in.upstream_groups, &in.secrets, &tls_materials},
                [this](flow::Reader& reader, const ListenerKey& key, const proxy::Listener& listener, auto& out) {
                  std::map<uint64_t, Needs> by_hash;
                  for (uint64_t hash : RouteConfigHashes(reader, key, listener)) {
                    if (const auto found = reader.Get(needs, RouteConfigKey{key, hash})) by_hash[hash] = *found;
                  }
                  static const Bindings kNone;
                  const Bindings& bindings = listener.ssl ? reader.Find(gateway.bindings_by_listener(), key) : kNone;
                  const Context context = MakeContext(reader, view, &listener);
                  out.Emit(key,
                           TranslateListener(context, listener, bindings, by_hash, divisions.Of(reader, key, by_hash)));
                }),
      served_route_configurations(
          graph, "served-route-configurations", route_configurations, {&listeners},
          [this](flow::Reader& reader, const RouteConfigKey& key, const RouteConfiguration&, auto& out) {
            // A listener may have lost the chain, for want of a certificate: then nobody would ask for these routes.
            const auto listener = reader.Get(listeners, key.listener);
            if (listener && listener->route_configs.contains(key.ssl_hash))
              out.Emit(key, route_configurations.Get(key));
          }),
      shards(graph, served, served_listeners, listeners) {
  // What is only served, and has no problems: a speculation need not join thousands of virtual hosts.
  secrets.LeaveOutOfSpeculation();
  endpoints.LeaveOutOfSpeculation();
  route_configurations.LeaveOutOfSpeculation();
  served_route_configurations.LeaveOutOfSpeculation();
}

Translation::Translation(flow::Graph& graph, const Inputs& inputs, const gateway::Translation& gateway,
                         const TranslationOptions& options)
    : nodes_(std::make_unique<Nodes>(graph, inputs, gateway, options)) {}

Translation::~Translation() = default;

const flow::Collection<UpstreamRef, xds::Resource>& Translation::clusters() const { return nodes_->served_clusters; }
const flow::Collection<UpstreamRef, xds::Resource>& Translation::endpoints() const { return nodes_->endpoints; }
const flow::Collection<ListenerKey, TranslatedListener>& Translation::listeners() const { return nodes_->listeners; }
const flow::Collection<RouteConfigKey, RouteConfiguration>& Translation::route_configurations() const {
  return nodes_->served_route_configurations;
}
const flow::Collection<ShardKey, RouteConfiguration>& Translation::shard_tables() const {
  return nodes_->shards.tables;
}
const flow::Collection<ShardKey, xds::Resource>& Translation::scopes() const { return nodes_->shards.scopes; }
const flow::Collection<ShardHostKey, HostPiece>& Translation::shard_pieces() const { return nodes_->shards.pieces; }
const flow::Collection<SecretRef, SecretResources>& Translation::secrets() const { return nodes_->secrets; }
const flow::Collection<ListenerKey, proxy::Listener>& Translation::served_listeners() const {
  return nodes_->served_listeners;
}
const flow::Collection<VirtualHostKey, ServedVirtualHost>& Translation::served_virtual_hosts() const {
  return nodes_->served;
}
const flow::Collection<ListenerKey, CheckedListener>& Translation::checked_listeners() const {
  return nodes_->checked_listeners;
}
const flow::Collection<VirtualHostKey, TranslatedVirtualHost>& Translation::translated_virtual_hosts() const {
  return nodes_->translated_virtual_hosts;
}
const flow::Collection<UpstreamRef, TranslatedCluster>& Translation::translated_destinations() const {
  return nodes_->translated_kube_clusters;
}
const flow::Collection<UpstreamRef, TranslatedCluster>& Translation::translated_clusters() const {
  return nodes_->translated_clusters;
}
const flow::Collection<UpstreamGroupRef, CheckedUpstreamGroup>& Translation::checked_upstream_groups() const {
  return nodes_->checked_groups;
}
const flow::Collection<SecretRef, CheckedSecret>& Translation::checked_secrets() const {
  return nodes_->checked_secrets;
}

Translation::Memory Translation::memory() const {
  Memory memory;
  nodes_->good_listeners.ForEach([&](const auto& key, const auto& value) { memory.listeners.emplace(key, value); });
  nodes_->virtual_hosts.ForEach([&](const auto& key, const auto& value) { memory.virtual_hosts.emplace(key, value); });
  nodes_->served_clusters.ForEach([&](const auto& key, const auto& value) { memory.clusters.emplace(key, value); });
  nodes_->served_endpoint_sources.ForEach(
      [&](const auto& key, const auto& value) { memory.endpoints.emplace(key, value); });
  nodes_->tls_materials.ForEach([&](const auto& key, const auto& value) { memory.secrets.emplace(key, value); });
  memory.divisions = nodes_->divisions.memory();
  memory.shards = nodes_->shards.memory();
  return memory;
}

void Translation::Remember(const Memory& memory) {
  for (const auto& [key, value] : memory.listeners) nodes_->good_listeners.Remember(key, value);
  for (const auto& [key, value] : memory.virtual_hosts) nodes_->virtual_hosts.Remember(key, value);
  for (const auto& [key, value] : memory.clusters) {
    IsDestination(key) ? nodes_->kube_clusters.Remember(key, value) : nodes_->clusters.Remember(key, value);
  }
  for (const auto& [key, value] : memory.endpoints) {
    IsDestination(key) ? nodes_->kube_endpoint_sources.Remember(key, value)
                       : nodes_->endpoint_sources.Remember(key, value);
  }
  for (const auto& [key, value] : memory.secrets) nodes_->tls_materials.Remember(key, value);
  nodes_->divisions.Remember(memory.divisions);
  nodes_->shards.Remember(memory.shards);
}

void Translation::DivideTables(uint32_t shards) { nodes_->divisions.DivideInto(shards); }
void Translation::UseModule(const ProxyRef& proxy) {
  nodes_->divisions.with_module.Put(proxy, std::make_shared<const UsesModule>());
}
bool Translation::has_old_shards() const { return nodes_->shards.HasOld(); }
void Translation::DrainHasPassed() { nodes_->shards.NextEpoch(); }

}  // namespace k8sgw::envoy
