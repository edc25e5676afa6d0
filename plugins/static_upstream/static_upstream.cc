// Upstreams whose hosts the user lists: IP addresses, or names that Envoy looks up. Their TLS is made in
// plugins/upstream_tls, which expects one endpoint for each host, in their order.

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <cctype>

#include "api/envoy/api/v2/core/health_check.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/address.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/endpoint/v3/endpoint_components.proto.h"
#include "plugins/static_upstream/static_upstream.proto.h"
#include "src/base/address.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::static_upstream {

namespace {

namespace staticv1 = ::static_::options::gloo::solo::io;
namespace endpointv3 = ::envoy::config::endpoint::v3;

// What Envoy and other plugins write into the metadata of an endpoint.
constexpr std::string_view kReservedMetadata[] = {"envoy.transport_socket_match",
                                                  "io.solo.health_checkers.advanced_http"};

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](unsigned char c) {
           // The underscore is not in RFC 1123, but DNS knows it, and names of containers have it.
           return std::isalnum(c) != 0 || c == '-' || c == '_';
         });
}

// A host name by RFC 1123. One that ends in a number is an IPv4 address with a typing error.
bool IsHostName(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > 253) return false;
  std::string_view label;
  for (size_t start = 0; start <= name.size(); start += label.size() + 1) {
    label = name.substr(start, name.find('.', start) - start);
    if (!IsLabel(label)) return false;
  }
  return !std::all_of(label.begin(), label.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::string AddressAdvice(const std::string& address) {
  if (address.find('%') != std::string::npos) return "zones of IPv6 addresses are not supported: leave out the zone";
  if (address.starts_with('[')) return "write the IPv6 address without brackets";
  if (address.find('/') != std::string::npos) return "give the host only, without a scheme and a path";
  if (std::count(address.begin(), address.end(), ':') == 1) return "give the port in port";
  return "give an IP address or a DNS name";
}

void CheckHost(const staticv1::Host& host, envoy::Reporter report) {
  const std::string& address = host.addr();
  if (address.empty()) {
    report.Error("addr", "the host has no address", "give an IP address or a DNS name");
  } else if (!IsIpAddress(address) && !IsHostName(address)) {
    report.Error("addr", "\"" + address + "\" is neither an IP address nor a DNS name", AddressAdvice(address));
  }
  if (host.port() == 0) {
    report.Error("port", "the host has no port", "give a port from 1 to 65535");
  } else if (host.port() > 65535) {
    report.Error("port", "is " + std::to_string(host.port()) + ", which is no port", "give a port from 1 to 65535");
  }
  if (host.has_load_balancing_weight() && host.load_balancing_weight().value() == 0) {
    report.Error("loadBalancingWeight", "is 0", "use 1 or more, or remove the host");
  }
}

void AddMetadata(const staticv1::Host& host, envoy::Reporter report, endpointv3::LbEndpoint& out) {
  for (const auto& [key, value] : host.metadata()) {
    if (std::ranges::find(kReservedMetadata, key) != std::end(kReservedMetadata)) {
      report.Warning("metadata[\"" + key + "\"]", "is a reserved key, so it is ignored", "use another key");
    } else {
      (*out.mutable_metadata()->mutable_filter_metadata())[key] = value;
    }
  }
}

// The Host header of health checks, which Envoy takes from the endpoint first: the one of the first check, if it has
// one, as published.
std::string HealthCheckHost(const gloov1::Upstream& upstream, const staticv1::Host& host) {
  const std::string& wanted = upstream.health_checks(0).http_health_check().host();
  return wanted.empty() ? host.addr() : wanted;
}

void Cluster(const envoy::ClusterArgs& args) {
  if (!args.upstream.has_static_()) return;
  const auto& hosts = args.upstream.static_().hosts();
  if (hosts.empty()) args.report.Error("static.hosts", "there is no host", "add at least one");
  args.out.set_type(envoy::clusterv3::Cluster::STATIC);
  auto& assignment = *args.out.mutable_load_assignment();
  assignment.set_cluster_name(args.out.name());
  auto& locality = *assignment.add_endpoints();
  uint64_t weights = 0;
  for (int i = 0; i < hosts.size(); ++i) {
    const staticv1::Host& host = hosts[i];
    envoy::Reporter report = args.report.At("static.hosts[" + std::to_string(i) + "]");
    CheckHost(host, report);
    if (!IsIpAddress(host.addr())) {
      args.out.set_type(envoy::clusterv3::Cluster::STRICT_DNS);
      args.out.set_dns_lookup_family(envoy::clusterv3::Cluster::V4_ONLY);
    }
    auto& out = *locality.add_lb_endpoints();
    auto& endpoint = *out.mutable_endpoint();
    // For routes that rewrite the Host header to the name of the chosen endpoint.
    endpoint.set_hostname(host.addr());
    auto& socket = *endpoint.mutable_address()->mutable_socket_address();
    socket.set_address(host.addr());
    socket.set_port_value(host.port());
    if (!args.upstream.health_checks().empty()) {
      endpoint.mutable_health_check_config()->set_hostname(HealthCheckHost(args.upstream, host));
    }
    if (host.has_load_balancing_weight()) *out.mutable_load_balancing_weight() = host.load_balancing_weight();
    weights += host.has_load_balancing_weight() ? host.load_balancing_weight().value() : 1;
    AddMetadata(host, report, out);
  }
  if (weights > UINT32_MAX) {
    args.report.Error("static.hosts", "the weights add up to more than 4294967295", "use smaller weights");
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.Upstream.static"};
constexpr std::string_view kNotYet[] = {
    "static.options.gloo.solo.io.UpstreamSpec.service_spec",
    "static.options.gloo.solo.io.Host.health_check_config",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "static_upstream",
    .claims = kClaims,
    .not_yet = kNotYet,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::static_upstream
