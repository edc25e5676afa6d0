#include "src/gateway/settings.h"

#include <algorithm>

#include "api/gloo/v1/settings.pb.h"
#include "src/gateway/places.h"

namespace k8sgw::gateway {
namespace {

constexpr char kNotTranslated[] = "is not translated yet, so it has no effect";

}  // namespace

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
  const bool all = watched.empty() || std::any_of(watched.begin(), watched.end(), [](const std::string& ns) {
                     return ns.empty() || ns == "*";
                   });
  if (!all) {
    out.watched_namespaces.emplace(watched.begin(), watched.end());
    out.watched_namespaces->insert(key.write_namespace);
  }
  return out;
}

Problems CheckSettings(const SettingsKey& key, const Object<gloov1::Settings>& settings) {
  const Source at{KeyOf(settings.ref), ""};
  if (settings.ref != key.ref()) {
    return {Warning(at, "has no effect, as only the Settings " + key.ref().ToString() + " are in force",
                    "move what you need to " + key.ref().ToString())};
  }
  Problems problems;
  const auto warn = [&](std::string_view field, std::string message = kNotTranslated, std::string fix = "") {
    problems.push_back(Warning(Field(at, field), std::move(message), std::move(fix)));
  };
  const auto& gateway = settings.spec.gateway();
  if (gateway.always_sort_route_table_routes()) {
    warn("gateway.alwaysSortRouteTableRoutes", "has no effect, as published",
         "routes are sorted when a selector finds several RouteTables of one weight");
  }
  if (gateway.compressed_proxy_spec()) warn("gateway.compressedProxySpec");
  if (gateway.persist_proxy_spec().value()) warn("gateway.persistProxySpec");
  if (gateway.has_enable_gateway_controller() && !gateway.enable_gateway_controller().value()) {
    warn("gateway.enableGatewayController");
  }
  if (gateway.validation().warn_route_short_circuiting().value()) warn("gateway.validation.warnRouteShortCircuiting");
  if (settings.spec.watch_namespace_selectors_size() > 0) {
    if (settings.spec.watch_namespaces_size() > 0) {
      warn("watchNamespaceSelectors", "has no effect, because watchNamespaces is set", "remove one of them");
    } else {
      warn("watchNamespaceSelectors", kNotTranslated, "list the namespaces in watchNamespaces");
    }
  }
  return problems;
}

}  // namespace k8sgw::gateway
