// Cross-origin resource sharing, on virtual hosts and routes.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/route_options.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/filters/http/cors/v3/cors.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "envoy/type/v3/percent.proto.h"
#include "plugins/cors/cors.proto.h"
#include "src/envoy/plugin.h"
#include "src/envoy/regex.h"

namespace k8sgw::plugins::cors {
namespace {

namespace corsv1 = ::cors::options::gloo::solo::io;
namespace corsv3 = ::envoy::extensions::filters::http::cors::v3;

constexpr char kFilter[] = "envoy.filters.http.cors";

std::string JoinWithCommas(const google::protobuf::RepeatedPtrField<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

corsv3::CorsPolicy Translate(const corsv1::CorsPolicy& in, envoy::Reporter& report) {
  corsv3::CorsPolicy out;
  for (const std::string& origin : in.allow_origin()) {
    out.add_allow_origin_string_match()->set_exact(origin);
  }
  for (int i = 0; i < in.allow_origin_regex_size(); ++i) {
    envoy::TranslateRegex("cors.allowOriginRegex[" + std::to_string(i) + "]", in.allow_origin_regex(i), report,
                          *out.add_allow_origin_string_match()->mutable_safe_regex());
  }
  if (out.allow_origin_string_match().empty() && !in.disable_for_route()) {
    report.Error("cors", "allows no origin", "add allowOrigin or allowOriginRegex");
  }
  out.set_allow_methods(JoinWithCommas(in.allow_methods()));
  out.set_allow_headers(JoinWithCommas(in.allow_headers()));
  out.set_expose_headers(JoinWithCommas(in.expose_headers()));
  out.set_max_age(in.max_age());
  if (in.allow_credentials()) out.mutable_allow_credentials()->set_value(true);
  return out;
}

void VirtualHost(const envoy::VirtualHostArgs& args) {
  if (!args.options.has_cors()) return;
  if (args.options.cors().disable_for_route()) {
    args.report.Warning("cors.disableForRoute", "has no effect on a virtual host", "set it on a route");
  }
  args.filters.Set(kFilter, Translate(args.options.cors(), args.report));
}

// A policy on the route replaces the virtual host's as a whole, except for what the merge settings say to join.
void Route(const envoy::RouteArgs& args) {
  if (!args.options.has_cors()) return;
  corsv1::CorsPolicy policy = args.options.cors();
  const auto& host = args.virtual_host_options;
  if (host.cors_policy_merge_settings().expose_headers() == corsv1::CorsPolicyMergeSettings::UNION) {
    policy.mutable_expose_headers()->MergeFrom(host.cors().expose_headers());
  }
  corsv3::CorsPolicy out = Translate(policy, args.report);
  if (policy.disable_for_route()) {
    // The virtual host's policy would apply if this were left out.
    out.mutable_filter_enabled()->mutable_default_value()->set_numerator(0);
  }
  args.filters.Set(kFilter, out);
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  if (args.needs.contains(kFilter) || args.KeepUnusedFilters()) {
    args.AddFilter({envoy::Stage::kCors}, kFilter, corsv3::Cors());
  }
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.VirtualHostOptions.cors",
    "gloo.solo.io.VirtualHostOptions.cors_policy_merge_settings",
    "gloo.solo.io.RouteOptions.cors",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "cors",
    .claims = kClaims,
    .virtual_host = VirtualHost,
    .route = Route,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::cors
