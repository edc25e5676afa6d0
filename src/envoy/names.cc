#include "src/envoy/names.h"

#include <algorithm>

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

std::string Role(const ProxyRef& proxy) { return proxy.ns + "~" + proxy.name; }

std::string CertificateSecretName(const SecretRef& secret) { return secret.ToString(); }

std::string AuthoritySecretName(const SecretRef& secret) { return secret.ToString() + "/ca"; }

}  // namespace k8sgw::envoy
