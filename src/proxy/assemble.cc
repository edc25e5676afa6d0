#include "src/proxy/assemble.h"

#include <algorithm>
#include <set>

#include "api/core/v1/metadata.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/ssl.proto.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/proxy/source_metadata.h"

namespace k8sgw::proxy {
namespace {

using Hosts = std::map<VirtualHostKey, Ptr<VirtualHost>>;

gloov1::VirtualHost Published(const VirtualHost& host) {
  gloov1::VirtualHost out = *host.spec;
  AddSource({host.source.object, host.generation}, *out.mutable_metadata_static());
  for (int i = 0; i < out.routes_size(); ++i) {
    for (const Origin& origin : host.routes[static_cast<size_t>(i)].origins) {
      AddSource(origin, *out.mutable_routes(i)->mutable_metadata_static());
    }
  }
  return out;
}

// The distinct sslConfigs of a listener, by hash; SNI domains of equal ones are joined, and none means all.
std::map<uint64_t, gloov1::SslConfig> SslConfigs(const ListenerKey& key,
                                                 const flow::Collection<VirtualHostKey, Binding>& bindings) {
  std::map<uint64_t, gloov1::SslConfig> configs;
  std::map<uint64_t, std::set<std::string>> names;
  std::set<uint64_t> all_names;
  bindings.ForEach([&](const VirtualHostKey& host, const Ptr<Binding>& binding) {
    if (host.listener != key || !binding->ssl_config) return;
    configs.try_emplace(binding->ssl_hash, *binding->ssl_config);
    if (binding->ssl_config->sni_domains().empty()) all_names.insert(binding->ssl_hash);
    names[binding->ssl_hash].insert(binding->ssl_config->sni_domains().begin(),
                                    binding->ssl_config->sni_domains().end());
  });
  for (auto& [hash, config] : configs) {
    config.clear_sni_domains();
    if (all_names.contains(hash)) continue;
    for (const std::string& name : names[hash]) config.add_sni_domains(name);
  }
  return configs;
}

void FillHttp(const ListenerKey& key, const Hosts& hosts, gloov1::Listener& out) {
  auto& http = *out.mutable_http_listener();
  for (const auto& [host, part] : hosts) {
    if (host.listener == key) *http.add_virtual_hosts() = Published(*part);
  }
  std::sort(http.mutable_virtual_hosts()->begin(), http.mutable_virtual_hosts()->end(),
            [](const auto& a, const auto& b) { return a.name() < b.name(); });
}

void FillAggregate(const ListenerKey& key, const flow::Collection<VirtualHostKey, Binding>& bindings,
                   const Hosts& hosts, gloov1::Listener& out) {
  const gloov1::HttpListenerOptions options = out.http_listener().options();
  const std::string options_ref = HexHash(Hash64(SerializeDeterministic(options)));
  auto configs = SslConfigs(key, bindings);
  if (configs.empty()) configs[0];
  auto& aggregate = *out.mutable_aggregate_listener();
  (*aggregate.mutable_http_resources()->mutable_http_options())[options_ref] = options;
  for (const auto& [hash, config] : configs) {
    auto& chain = *aggregate.add_http_filter_chains();
    if (hash != 0) *chain.mutable_matcher()->mutable_ssl_config() = config;
    chain.set_http_options_ref(options_ref);
    for (const auto& [host, part] : hosts) {
      const auto binding = host.listener == key ? bindings.Get(host) : nullptr;
      if (!binding || binding->ssl_hash != hash) continue;
      chain.add_virtual_host_refs(part->spec->name());
      (*aggregate.mutable_http_resources()->mutable_virtual_hosts())[part->spec->name()] = Published(*part);
    }
    std::sort(chain.mutable_virtual_host_refs()->begin(), chain.mutable_virtual_host_refs()->end());
  }
}

}  // namespace

std::vector<gloov1::Proxy> AssembleProxies(const flow::Collection<ListenerKey, Listener>& listeners,
                                           const flow::Collection<VirtualHostKey, Binding>& bindings,
                                           const Hosts& hosts) {
  std::map<ProxyRef, gloov1::Proxy> proxies;
  listeners.ForEach([&](const ListenerKey& key, const Ptr<Listener>& listener) {
    gloov1::Proxy& proxy = proxies[key.proxy];
    proxy.mutable_metadata()->set_name(key.proxy.name);
    proxy.mutable_metadata()->set_namespace_(key.proxy.ns);
    (*proxy.mutable_metadata()->mutable_labels())["created_by"] = "gloo-gateway";
    gloov1::Listener& out = *proxy.add_listeners();
    out = *listener->spec;
    if (listener->isolate_by_ssl_config) {
      FillAggregate(key, bindings, hosts, out);
      return;
    }
    FillHttp(key, hosts, out);
    for (auto& [hash, config] : SslConfigs(key, bindings)) *out.add_ssl_configurations() = config;
  });
  std::vector<gloov1::Proxy> out;
  for (auto& [ref, proxy] : proxies) {
    std::sort(proxy.mutable_listeners()->begin(), proxy.mutable_listeners()->end(),
              [](const auto& a, const auto& b) { return a.name() < b.name(); });
    out.push_back(std::move(proxy));
  }
  return out;
}

}  // namespace k8sgw::proxy
