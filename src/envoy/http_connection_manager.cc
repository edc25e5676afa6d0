#include "src/envoy/http_connection_manager.h"

#include <algorithm>
#include <tuple>
#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/listener_options.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "envoy/extensions/filters/http/router/v3/router.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "envoy/config/core/v3/config_source.proto.h"

namespace k8sgw::envoy {
namespace {

constexpr char kRouter[] = "envoy.filters.http.router";
constexpr char kDefaultStatPrefix[] = "http";

void AddFilter(const HttpListenerArgs::Filter& in, hcmv3::HttpConnectionManager& out) {
  auto& filter = *out.add_http_filters();
  filter.set_name(in.name);
  filter.mutable_typed_config()->set_type_url(in.type_url);
  filter.mutable_typed_config()->set_value(in.bytes);
  filter.set_disabled(in.disabled);
}

}  // namespace

void TranslateHttpConnectionManager(const Context& context, const gloov1::Listener& listener, const Needs& needs,
                                    Reporter& report, hcmv3::HttpConnectionManager& out) {
  const auto& http = listener.http_listener();
  out.set_stat_prefix(http.stat_prefix().empty() ? kDefaultStatPrefix : http.stat_prefix());
  out.mutable_normalize_path()->set_value(true);

  std::vector<HttpListenerArgs::Filter> filters;
  routerv3::Router router;
  Reporter options = report.At("httpGateway.options");
  const HttpListenerArgs args{context, http.options(), needs, options, out, router, filters};
  Reporter listener_options = report.At("options");
  const ListenerHcmArgs listener_args{context, listener.options(), listener_options, out};
  for (const Plugin* plugin : AllPlugins()) {
    if (plugin->http_listener) plugin->http_listener(args);
    if (plugin->listener_hcm) plugin->listener_hcm(listener_args);
  }
  WarnUntranslated(http.options(), options);

  std::sort(filters.begin(), filters.end(), [](const auto& a, const auto& b) {
    return std::tie(a.place.stage, a.place.weight, a.name, a.type_url, a.bytes) <
           std::tie(b.place.stage, b.place.weight, b.name, b.type_url, b.bytes);
  });
  for (const auto& filter : filters) AddFilter(filter, out);
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
