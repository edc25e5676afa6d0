#include "src/envoy/http_connection_manager.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <tuple>

#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/listener_options.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "envoy/config/core/v3/config_source.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/extensions/filters/http/router/v3/router.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"

namespace k8sgw::envoy {
namespace {

constexpr char kRouter[] = "envoy.filters.http.router";
constexpr char kDefaultStatPrefix[] = "http";

using Filters = std::vector<HttpListenerArgs::Filter>;

// `out` is a network filter or an HTTP filter.
template <typename Filter>
void Write(const HttpListenerArgs::Filter& in, Filter& out) {
  out.set_name(in.name);
  out.mutable_typed_config()->set_type_url(in.type_url);
  out.mutable_typed_config()->set_value(in.bytes);
}

// Filters with one name and place, as a plugin may have several, stay as they were added.
Filters InOrder(Filters filters) {
  std::stable_sort(filters.begin(), filters.end(), [](const auto& a, const auto& b) {
    return std::tie(a.place.stage, a.place.weight, a.name) < std::tie(b.place.stage, b.place.weight, b.name);
  });
  return filters;
}

}  // namespace

void TranslateHttpConnectionManager(const Context& context, const proxy::Listener& in, const Needs& needs,
                                    Reporter& report, listenerv3::FilterChain& chain,
                                    hcmv3::HttpConnectionManager& out) {
  const gloov1::Listener& listener = *in.spec;
  const auto& http = listener.http_listener();
  out.set_stat_prefix(http.stat_prefix().empty() ? kDefaultStatPrefix : http.stat_prefix());
  out.mutable_normalize_path()->set_value(true);

  Filters filters;
  Filters network_filters;
  routerv3::Router router;
  Reporter options = report.ForOptions("httpGateway.options", *http.options().GetDescriptor(), in.options);
  const HttpListenerArgs args{context, http.options(), needs, options, out, router, filters, network_filters};
  Reporter listener_options = report.At("options");
  const ListenerHcmArgs listener_args{context, listener.options(), listener_options, out};
  for (const Plugin* plugin : AllPlugins()) {
    if (plugin->http_listener) plugin->http_listener(args);
    if (plugin->listener_hcm) plugin->listener_hcm(listener_args);
  }
  WarnUntranslated(http.options(), options);

  for (const auto& filter : InOrder(std::move(network_filters))) Write(filter, *chain.add_filters());
  for (const auto& filter : InOrder(std::move(filters))) {
    Write(filter, *out.add_http_filters());
    out.mutable_http_filters()->rbegin()->set_disabled(filter.disabled);
  }
  out.add_http_filters()->set_name(kRouter);
  PackAny(router, out.mutable_http_filters()->rbegin()->mutable_typed_config());
}

void SetRouteConfigName(const std::string& name, hcmv3::HttpConnectionManager& hcm) {
  auto& rds = *hcm.mutable_rds();
  rds.set_route_config_name(name);
  rds.mutable_config_source()->mutable_ads();
  rds.mutable_config_source()->set_resource_api_version(::envoy::config::core::v3::V3);
}

}  // namespace k8sgw::envoy
