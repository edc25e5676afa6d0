// TLS to the hosts of an Upstream: its sslConfig, and static.useTls. Each static host gets its own server name (SNI),
// by a transport socket of its own. Runs after plugins/static_upstream, whose endpoints it marks for that.

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <set>

#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/ssl.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/endpoint/v3/endpoint_components.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.proto.h"
#include "plugins/static_upstream/static_upstream.proto.h"
#include "src/base/address.h"
#include "src/envoy/plugin.h"
#include "src/envoy/tls.h"

namespace k8sgw::plugins::upstream_tls {
namespace {

namespace staticv1 = ::static_::options::gloo::solo::io;
using ::envoy::config::core::v3::TransportSocket;
using envoy::tlsv3::UpstreamTlsContext;

constexpr char kTlsSocket[] = "envoy.transport_sockets.tls";
constexpr char kSocketMatch[] = "envoy.transport_socket_match";
constexpr uint32_t kHttpsPort = 443;

bool WantsTls(const gloov1::Upstream& upstream) {
  if (upstream.has_ssl_config()) return true;
  if (!upstream.has_static_()) return false;
  const staticv1::UpstreamSpec& spec = upstream.static_();
  if (spec.has_use_tls()) return spec.use_tls().value();
  return std::ranges::any_of(spec.hosts(), [](const staticv1::Host& host) { return host.port() == kHttpsPort; });
}

void SetSocket(const UpstreamTlsContext& tls, TransportSocket& out) {
  out.set_name(kTlsSocket);
  envoy::PackAny(tls, out.mutable_typed_config());
}

// "" when the host has no server name of its own.
std::string ServerName(const staticv1::UpstreamSpec& spec, const staticv1::Host& host) {
  if (!host.sni_addr().empty()) return host.sni_addr();
  const bool use_address = !spec.has_auto_sni_rewrite() || spec.auto_sni_rewrite().value();
  return use_address ? host.addr() : "";
}

// The server name of hosts that have none of their own, where no sslConfig gives one.
std::string FirstName(const staticv1::UpstreamSpec& spec) {
  const auto named =
      std::ranges::find_if_not(spec.hosts(), [](const staticv1::Host& host) { return IsIpAddress(host.addr()); });
  return named == spec.hosts().end() ? "" : named->addr();
}

void SetServerNames(const staticv1::UpstreamSpec& spec, UpstreamTlsContext tls, envoy::clusterv3::Cluster& out) {
  auto& endpoints = *out.mutable_load_assignment()->mutable_endpoints(0)->mutable_lb_endpoints();
  std::set<std::string> known;
  for (int i = 0; i < spec.hosts_size(); ++i) {
    const staticv1::Host& host = spec.hosts(i);
    const std::string server = ServerName(spec, host);
    if (server.empty()) continue;
    // The published name, which is seen in statistics.
    const std::string name = server + ";" + host.addr() + ":" + std::to_string(host.port());
    auto& metadata = *endpoints[i].mutable_metadata()->mutable_filter_metadata();
    (*metadata[kSocketMatch].mutable_fields())[name].set_bool_value(true);
    if (!known.insert(name).second) continue;
    auto& match = *out.add_transport_socket_matches();
    match.set_name(name);
    (*match.mutable_match()->mutable_fields())[name].set_bool_value(true);
    tls.set_sni(server);
    SetSocket(tls, *match.mutable_transport_socket());
  }
}

void WarnNoEffect(const gloov1::Upstream& upstream, envoy::Reporter& report) {
  const staticv1::UpstreamSpec& spec = upstream.static_();
  if (!upstream.has_ssl_config()) return;
  if (spec.has_use_tls() && !spec.use_tls().value()) {
    report.Warning("static.useTls", "has no effect, because sslConfig is set", "remove one of them");
  }
  if (!upstream.ssl_config().sni().empty() &&
      std::ranges::none_of(spec.hosts(), [&](const auto& host) { return ServerName(spec, host).empty(); })) {
    report.Warning("sslConfig.sni", "has no effect, because each host has its own server name",
                   "set static.autoSniRewrite: false, or sniAddr on the hosts");
  }
}

void Cluster(const envoy::ClusterArgs& args) {
  if (!WantsTls(args.upstream)) return;
  gloov1::UpstreamSslConfig config = args.upstream.ssl_config();
  const auto& defaults = args.context.settings().upstreamoptions();
  if (!config.has_parameters() && defaults.has_ssl_parameters()) {
    *config.mutable_parameters() = defaults.ssl_parameters();
  }
  UpstreamTlsContext tls;
  envoy::Reporter report = args.report.At("sslConfig");
  if (!envoy::TranslateUpstreamTls(args.context, config, report, tls)) {
    // Where a missing Secret is only a warning, the hosts must not be contacted without what it holds.
    if (args.out.has_load_assignment()) args.out.mutable_load_assignment()->clear_endpoints();
    return;
  }
  if (!args.upstream.has_ssl_config()) tls.set_sni(FirstName(args.upstream.static_()));
  SetSocket(tls, *args.out.mutable_transport_socket());
  if (args.upstream.has_static_()) {
    WarnNoEffect(args.upstream, args.report);
    SetServerNames(args.upstream.static_(), tls, args.out);
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.Upstream.ssl_config"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "upstream_tls",
    .claims = kClaims,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::upstream_tls
