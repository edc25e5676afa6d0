// Metadata of routes, for filters and access logs.

#include <google/protobuf/struct.pb.h>

#include "api/gloo/v1/route_options.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::metadata {
namespace {

void Route(const envoy::RouteArgs& args) {
  for (const auto& [name, content] : args.options.envoy_metadata()) {
    if (name.empty()) args.report.Error("envoyMetadata", "holds an empty name", "use a name such as com.example");
    (*args.out.mutable_metadata()->mutable_filter_metadata())[name] = content;
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.RouteOptions.envoy_metadata"};

}  // namespace

extern const envoy::Plugin kPlugin = {.name = "metadata", .claims = kClaims, .route = Route};

}  // namespace k8sgw::plugins::metadata
