#include "src/envoy/listener.h"

#include <arpa/inet.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/listener_options.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/ssl.proto.h"
#include "envoy/config/core/v3/address.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.proto.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.proto.h"
#include "src/base/hash.h"
#include "src/envoy/http_connection_manager.h"
#include "src/envoy/listener_division.h"
#include "src/envoy/names.h"
#include "src/envoy/resource.h"
#include "src/envoy/tls.h"

namespace k8sgw::envoy {
namespace {

constexpr char kHcm[] = "envoy.filters.network.http_connection_manager";
constexpr char kProxyProtocol[] = "envoy.filters.listener.proxy_protocol";
constexpr char kTlsInspector[] = "envoy.filters.listener.tls_inspector";
constexpr char kTls[] = "envoy.transport_sockets.tls";

void SetAddress(const gloov1::Listener& in, Reporter& report, listenerv3::Listener& out) {
  in_addr v4;
  in6_addr v6{};
  const bool is_v4 = inet_pton(AF_INET, in.bind_address().c_str(), &v4) == 1;
  if (!is_v4 && inet_pton(AF_INET6, in.bind_address().c_str(), &v6) != 1) {
    report.Error("bindAddress", "\"" + in.bind_address() + "\" is no IP address",
                 "write an address such as \"::\", \"0.0.0.0\" or \"127.0.0.1\"");
  }
  if (in.bind_port() == 0 || in.bind_port() > 65535) {
    report.Error("bindPort", "is " + std::to_string(in.bind_port()) + ", which is no port", "use 1 to 65535");
  }
  auto& socket = *out.mutable_address()->mutable_socket_address();
  socket.set_address(in.bind_address());
  socket.set_port_value(in.bind_port());
  // Envoy refuses it for any other address.
  socket.set_ipv4_compat(!is_v4 && (IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_V4MAPPED(&v6)));
}

void AddListenerFilter(const char* name, const google::protobuf::Message& config, listenerv3::Listener& out) {
  auto& filter = *out.add_listener_filters();
  filter.set_name(name);
  PackAny(config, filter.mutable_typed_config());
}

bool HasListenerFilter(const listenerv3::Listener& listener, std::string_view name) {
  const auto& filters = listener.listener_filters();
  return std::any_of(filters.begin(), filters.end(), [&](const auto& filter) { return filter.name() == name; });
}

// The listener without filter chains.
void TranslateFrame(const Context& context, const proxy::Listener& in, Reporter& report, listenerv3::Listener& out) {
  const gloov1::Listener& spec = *in.spec;
  out.set_name(spec.name());
  SetAddress(spec, report, out);
  Reporter options = report.At("options");
  const ListenerArgs args{context, spec.options(), options, out};
  for (const Plugin* plugin : AllPlugins()) {
    if (plugin->listener) plugin->listener(args);
  }
  WarnUntranslated(spec.options(), options);
  if (spec.use_proxy_proto().value() && !HasListenerFilter(out, kProxyProtocol)) {
    AddListenerFilter(kProxyProtocol, ::envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol(), out);
  }
  if (in.ssl) {
    AddListenerFilter(kTlsInspector, ::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector(), out);
  }
}

// The VirtualServices that share a filter chain: their sslConfigs differ in nothing but the SNI domains.
struct SslGroup {
  uint64_t hash = 0;
  std::vector<std::pair<const proxy::VirtualHostKey*, const proxy::Binding*>> members;
  // In lower case, as Envoy compares them; sorted; empty matches every name.
  std::set<std::string> sni_domains;
  bool all_names = false;
};

// In the order of their oldest member, which is the one that keeps a name when two groups claim it.
std::vector<SslGroup> GroupBySslConfig(const Bindings& bindings) {
  std::map<uint64_t, SslGroup> by_hash;
  for (const auto& [key, binding] : bindings) {
    if (!binding->ssl_config) continue;
    SslGroup& group = by_hash[binding->ssl_hash];
    group.hash = binding->ssl_hash;
    group.members.emplace_back(&key, binding.get());
    if (binding->ssl_config->sni_domains().empty()) group.all_names = true;
    for (const std::string& name : binding->ssl_config->sni_domains())
      group.sni_domains.insert(absl::AsciiStrToLower(name));
  }
  std::vector<SslGroup> groups;
  const auto age = [](const auto& member) { return std::tie(member.second->created, *member.first); };
  for (auto& [hash, group] : by_hash) {
    std::sort(group.members.begin(), group.members.end(),
              [&](const auto& a, const auto& b) { return age(a) < age(b); });
    if (group.all_names) group.sni_domains.clear();
    groups.push_back(std::move(group));
  }
  std::sort(groups.begin(), groups.end(),
            [&](const auto& a, const auto& b) { return age(a.members.front()) < age(b.members.front()); });
  return groups;
}

Reporter ReportOn(const proxy::VirtualHostKey& key, Problems& problems) {
  return Reporter(problems, {{Kind::kVirtualService, key.virtual_service.ns, key.virtual_service.name}, ""});
}

bool HasName(const google::protobuf::RepeatedPtrField<std::string>& names, const std::string& lower) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return absl::EqualsIgnoreCase(name, lower); });
}

// Envoy knows *.example.com, and refuses the whole listener for any other wildcard. False when no name is left.
bool DropPartialWildcards(SslGroup& group, Problems& problems) {
  if (group.sni_domains.empty()) return true;
  std::erase_if(group.sni_domains, [&](const std::string& name) {
    if (name.find('*') == std::string::npos || name.starts_with("*.")) return false;
    for (const auto& [key, binding] : group.members) {
      if (!HasName(binding->ssl_config->sni_domains(), name)) continue;
      ReportOn(*key, problems)
          .Error("sslConfig.sniDomains", "\"" + name + "\" is a wildcard that Envoy does not know",
                 "write *.example.com for all names below a domain, or no sniDomains for all names");
    }
    return true;
  });
  return !group.sni_domains.empty();
}

// Two filter chains must not match the same connections: Envoy would refuse the whole listener. Names that an older
// group has are taken from this one; false when nothing is left.
bool ClaimNames(SslGroup& group, std::map<std::string, const SslGroup*>& owners, Problems& problems) {
  const auto conflict = [&](const std::string& what, const SslGroup& owner) {
    for (const auto& [key, binding] : group.members) {
      const auto& names = binding->ssl_config->sni_domains();
      if (!what.empty() && !HasName(names, what)) continue;
      ReportOn(*key, problems)
          .Error("sslConfig.sniDomains",
                 (what.empty() ? "every SNI domain" : "SNI domain " + what) +
                     " is already served with another sslConfig by VirtualService " +
                     owner.members.front().first->virtual_service.ToString(),
                 "give both the same sslConfig, or different sniDomains");
    }
  };
  if (group.sni_domains.empty()) {
    auto [it, fresh] = owners.try_emplace("", &group);
    if (!fresh) conflict("", *it->second);
    return fresh;
  }
  for (auto name = group.sni_domains.begin(); name != group.sni_domains.end();) {
    auto [it, fresh] = owners.try_emplace(*name, &group);
    if (fresh) {
      ++name;
      continue;
    }
    conflict(*name, *it->second);
    name = group.sni_domains.erase(name);
  }
  return !group.sni_domains.empty();
}

bool AddTls(const Context& context, const SslGroup& group, Problems& problems, listenerv3::FilterChain& chain) {
  const gloov1::SslConfig& config = *group.members.front().second->ssl_config;
  tlsv3::DownstreamTlsContext tls;
  bool ok = false;
  for (size_t i = 0; i < group.members.size(); ++i) {
    // All members share the answer, and each owner must learn of it; one context is enough.
    tlsv3::DownstreamTlsContext scratch;
    Reporter report = ReportOn(*group.members[i].first, problems).At("sslConfig");
    ok = TranslateDownstreamTls(context, *group.members[i].second->ssl_config, report, i == 0 ? tls : scratch);
    if (ok) break;
  }
  if (!ok) return false;
  for (const std::string& name : group.sni_domains) chain.mutable_filter_chain_match()->add_server_names(name);
  chain.mutable_transport_socket()->set_name(kTls);
  PackAny(tls, chain.mutable_transport_socket()->mutable_typed_config());
  if (config.has_transport_socket_connect_timeout()) {
    *chain.mutable_transport_socket_connect_timeout() = config.transport_socket_connect_timeout();
  }
  return true;
}

void AddHcm(hcmv3::HttpConnectionManager& hcm, const std::string& route_config, listenerv3::FilterChain& chain) {
  SetRouteConfigName(route_config, hcm);
  auto& filter = *chain.add_filters();
  filter.set_name(kHcm);
  PackAny(hcm, filter.mutable_typed_config());
}

}  // namespace

Ptr<proxy::Listener> WithFound(Ptr<proxy::Listener> listener, const Context& context) {
  if (context.found_artifacts().empty() && context.found_wasm_modules().empty()) return listener;
  auto with = std::make_shared<proxy::Listener>(*listener);
  with->artifacts = context.found_artifacts();
  with->wasm_modules = context.found_wasm_modules();
  for (const auto& [ref, artifact] : with->artifacts) {
    with->hash = HashCombine(HashCombine(with->hash, Hash64(ref.ToString())), artifact->hash);
  }
  for (const auto& [image, sha256] : with->wasm_modules) {
    with->hash = HashCombine(HashCombine(with->hash, Hash64(image)), Hash64(sha256));
  }
  return with;
}

Problems CheckListener(const Context& context, const proxy::Listener& in) {
  Problems problems;
  Reporter report(problems, in.source);
  listenerv3::Listener frame;
  TranslateFrame(context, in, report, frame);
  listenerv3::FilterChain chain;
  hcmv3::HttpConnectionManager hcm;
  TranslateHttpConnectionManager(context, in, {}, report, chain, hcm);
  return problems;
}

TranslatedListener TranslateListener(const Context& context, const proxy::Listener& in, const Bindings& bindings,
                                     const std::map<uint64_t, Needs>& needs,
                                     const std::map<uint64_t, Division>& divisions) {
  TranslatedListener result;
  if (needs.empty() && !context.settings().gateway().translate_empty_gateways().value()) return result;
  // What is wrong with the Gateway itself is CheckListener's to say.
  Problems ignored;
  Reporter report(ignored, in.source);
  listenerv3::Listener out;
  TranslateFrame(context, in, report, out);
  const std::string& name = in.spec->name();
  const auto needs_of = [&](uint64_t hash) {
    const auto it = needs.find(in.isolate_by_ssl_config ? hash : 0);
    return it == needs.end() ? Needs() : it->second;
  };
  std::vector<RoutedChain> chains;
  if (!in.ssl) {
    auto& chain = *out.add_filter_chains();
    hcmv3::HttpConnectionManager hcm;
    TranslateHttpConnectionManager(context, in, needs_of(0), report, chain, hcm);
    chains.push_back({RouteConfigName(name, ""), 0});
    AddHcm(hcm, chains.back().route_config, chain);
    result.route_configs.insert(0);
  } else {
    std::map<std::string, const SslGroup*> owners;
    std::vector<SslGroup> groups = GroupBySslConfig(bindings);
    for (SslGroup& group : groups) {
      listenerv3::FilterChain chain;
      if (!DropPartialWildcards(group, result.problems) || !ClaimNames(group, owners, result.problems) ||
          !AddTls(context, group, result.problems, chain))
        continue;
      hcmv3::HttpConnectionManager hcm;
      TranslateHttpConnectionManager(context, in, needs_of(group.hash), report, chain, hcm);
      chains.push_back({RouteConfigName(name, in.isolate_by_ssl_config ? HexHash(group.hash) : ""),
                        in.isolate_by_ssl_config ? group.hash : 0});
      AddHcm(hcm, chains.back().route_config, chain);
      chain.set_name(HexHash(group.hash));
      out.add_filter_chains()->Swap(&chain);
      result.route_configs.insert(chains.back().ssl_hash);
    }
  }
  if (out.filter_chains().empty()) return result;
  result.resource = MakeResource(xds::Type::kListener, name, out);
  if (!divisions.empty()) DivideListener(in, out, chains, divisions, result);
  return result;
}

}  // namespace k8sgw::envoy
