// gRPC-Web: browsers speak it, and Envoy turns it into gRPC for the upstream.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.proto.h"
#include "plugins/grpc_web/grpc_web.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::grpc_web {
namespace {

constexpr char kFilter[] = "envoy.filters.http.grpc_web";

// The listener has the last word, then disableGrpcWeb of the Settings, then removeUnusedFilters.
bool Enabled(const envoy::HttpListenerArgs& args) {
  if (args.options.has_grpc_web()) return !args.options.grpc_web().disable();
  const auto& settings = args.context.settings().gloo();
  if (settings.has_disable_grpc_web()) return !settings.disable_grpc_web().value();
  return args.KeepUnusedFilters();
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  if (!Enabled(args)) return;
  args.AddFilter({envoy::Stage::kAuthZ, 1}, kFilter, ::envoy::extensions::filters::http::grpc_web::v3::GrpcWeb());
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.HttpListenerOptions.grpc_web"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "grpc_web",
    .claims = kClaims,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::grpc_web
