// A path on which the gateway itself answers 200, for load balancers in front of it.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/http_listener_options.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/filters/http/health_check/v3/health_check.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "plugins/health_check/health_check.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::health_check {
namespace {

namespace healthv3 = ::envoy::extensions::filters::http::health_check::v3;

constexpr char kFilter[] = "envoy.filters.http.health_check";

void HttpListener(const envoy::HttpListenerArgs& args) {
  if (!args.options.has_health_check()) return;
  const std::string& path = args.options.health_check().path();
  if (path.empty()) {
    args.report.Error("healthCheck.path", "is missing", "write the path of the health check, such as /healthz");
  } else if (path[0] != '/') {
    args.report.Warning("healthCheck.path", "\"" + path + "\" never matches, because paths begin with /",
                        "write \"/" + path + "\"");
  }
  healthv3::HealthCheck out;
  out.mutable_pass_through_mode()->set_value(false);
  auto& header = *out.add_headers();
  header.set_name(":path");
  header.mutable_string_match()->set_exact(path);
  args.AddFilter({envoy::Stage::kAuthZ, 1}, kFilter, out);
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.HttpListenerOptions.health_check"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "health_check",
    .claims = kClaims,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::health_check
