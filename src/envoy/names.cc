#include "src/envoy/names.h"

#include <algorithm>
#include <charconv>

#include "api/gloo/v1/proxy.proto.h"

namespace k8sgw::envoy {

std::string ClusterName(const UpstreamRef& upstream) {
  return upstream.ns.empty() ? upstream.name.str() : upstream.name + "_" + upstream.ns;
}

std::string RouteConfigName(std::string_view listener, std::string_view chain) {
  std::string name(listener);
  name += "-routes";
  if (!chain.empty()) name.append("-").append(chain);
  return name;
}

std::string SanitizeStatName(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '.', '_');
  return out;
}

const proxy::Source* RouteSource(const proxy::VirtualHost& host, std::string_view route_name) {
  const std::string prefix = host.spec->name() + "-route-";
  if (!route_name.starts_with(prefix)) return nullptr;
  size_t index = 0;
  route_name.remove_prefix(prefix.size());
  const auto result = std::from_chars(route_name.data(), route_name.data() + route_name.size(), index);
  return result.ec == std::errc() && index < host.routes.size() ? &host.routes[index].route : nullptr;
}

std::string Role(const ProxyRef& proxy) { return proxy.ns + "~" + proxy.name; }

std::string CertificateSecretName(const SecretRef& secret) { return secret.ToString(); }

std::string AuthoritySecretName(const SecretRef& secret) { return secret.ToString() + "/ca"; }

}  // namespace k8sgw::envoy
