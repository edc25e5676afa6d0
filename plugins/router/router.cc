// Settings of the router filter, which sends requests to the upstreams.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/http_listener_options.proto.h"
#include "envoy/extensions/filters/http/router/v3/router.proto.h"
#include "plugins/router/router.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::router {
namespace {

void HttpListener(const envoy::HttpListenerArgs& args) {
  const auto& in = args.options.router();
  args.router.set_suppress_envoy_headers(in.suppress_envoy_headers().value());
  if (in.has_dynamic_stats()) args.router.mutable_dynamic_stats()->set_value(in.dynamic_stats().value());
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.HttpListenerOptions.router"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "router",
    .claims = kClaims,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::router
