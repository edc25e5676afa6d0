#include "src/gateway/settings.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>

#include "api/gloo/v1/settings.proto.h"

namespace k8sgw::gateway {
GatewaySettings DefaultSettings(const SettingsKey& key) {
  GatewaySettings out;
  out.write_namespace = key.write_namespace;
  return out;
}

GatewaySettings ReadSettings(const SettingsKey& key, const gloov1::Settings& settings) {
  GatewaySettings out = DefaultSettings(key);
  const auto& gateway = settings.gateway();
  out.read_gateways_from_all_namespaces = gateway.read_gateways_from_all_namespaces();
  out.isolate_by_ssl_config = gateway.isolate_virtual_hosts_by_ssl_config().value();
  if (gateway.virtual_service_options().has_one_way_tls()) {
    out.one_way_tls = gateway.virtual_service_options().one_way_tls().value();
  }
  if (settings.gloo().has_regex_max_program_size()) {
    out.regex_max_program_size = settings.gloo().regex_max_program_size().value();
  }
  const auto& watched = settings.watch_namespaces();
  // The empty name stands for all namespaces, as in the Kubernetes API.
  const bool all = watched.empty() || std::any_of(watched.begin(), watched.end(),
                                                  [](const std::string& ns) { return ns.empty() || ns == "*"; });
  if (!all) {
    out.watched_namespaces.emplace(watched.begin(), watched.end());
    out.watched_namespaces->insert(key.write_namespace);
  }
  return out;
}

}  // namespace k8sgw::gateway
