#include "src/envoy/views.h"

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/route_configuration_options.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "plugins/circuit_breakers/circuit_breakers.proto.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/envoy/plugin.h"

namespace k8sgw::envoy {

Object<gloov1::Settings> SettingsForMany(const Object<gloov1::Settings>& settings) {
  const gloov1::Settings& in = settings.spec;
  Object<gloov1::Settings> out;
  out.ref = settings.ref;
  auto& gloo = *out.spec.mutable_gloo();
  if (in.gloo().has_circuit_breakers()) *gloo.mutable_circuit_breakers() = in.gloo().circuit_breakers();
  if (in.gloo().has_invalid_config_policy()) {
    *gloo.mutable_invalid_config_policy() = in.gloo().invalid_config_policy();
  }
  gloo.set_disable_kubernetes_destinations(in.gloo().disable_kubernetes_destinations());
  if (in.gloo().has_enable_rest_eds()) *gloo.mutable_enable_rest_eds() = in.gloo().enable_rest_eds();
  const auto& validation = in.gateway().validation();
  if (validation.has_warn_missing_tls_secret()) {
    *out.spec.mutable_gateway()->mutable_validation()->mutable_warn_missing_tls_secret() =
        validation.warn_missing_tls_secret();
  }
  if (in.has_upstreamoptions()) *out.spec.mutable_upstreamoptions() = in.upstreamoptions();
  out.hash = Hash64(SerializeDeterministic(out.spec));
  return out;
}

proxy::Listener ListenerForRoutes(const proxy::Listener& listener) {
  auto spec = std::make_shared<gloov1::Listener>();
  if (listener.spec->has_route_options()) *spec->mutable_route_options() = listener.spec->route_options();
  const gloov1::HttpListenerOptions& from = listener.spec->http_listener().options();
  gloov1::HttpListenerOptions& to = *spec->mutable_http_listener()->mutable_options();
  for (const Plugin* plugin : AllPlugins()) {
    if (plugin->for_routes) plugin->for_routes(from, to);
  }
  proxy::Listener out;
  out.ssl = listener.ssl;
  out.isolate_by_ssl_config = listener.isolate_by_ssl_config;
  out.hash =
      HashCombine(Hash64(SerializeDeterministic(*spec)), (out.ssl ? 1u : 0u) + (out.isolate_by_ssl_config ? 2u : 0u));
  out.spec = std::move(spec);
  return out;
}

}  // namespace k8sgw::envoy
