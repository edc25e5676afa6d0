// Limits of the rate of requests that each Envoy keeps by itself: for a whole listener, for virtual hosts and routes.

#include <google/protobuf/wrappers.pb.h>

#include "api/enterprise/ratelimit.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/common/ratelimit/v3/ratelimit.proto.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto.h"
#include "envoy/type/v3/percent.proto.h"
#include "envoy/type/v3/token_bucket.proto.h"
#include "plugins/local_ratelimit/local_ratelimit.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::local_ratelimit {
namespace {

namespace limitv1 = ::local_ratelimit::options::gloo::solo::io;
namespace limitv3 = ::envoy::extensions::filters::http::local_ratelimit::v3;
namespace ratelimitv3 = ::envoy::extensions::common::ratelimit::v3;
namespace corev3 = ::envoy::config::core::v3;
namespace typev3 = ::envoy::type::v3;

constexpr char kFilter[] = "envoy.filters.http.local_ratelimit";
constexpr char kStatPrefix[] = "http_local_ratelimit";
// The stage of limits that stand before authentication, as published.
constexpr uint32_t kStage = 3;
constexpr int64_t kMinFillMilliseconds = 50;

void Always(corev3::RuntimeFractionalPercent& out) {
  out.mutable_default_value()->set_numerator(100);
  out.mutable_default_value()->set_denominator(typev3::FractionalPercent::HUNDRED);
}

limitv3::LocalRateLimit WithoutLimit(const gloov1::HttpListenerOptions& listener) {
  const limitv1::Settings& in = listener.http_local_ratelimit();
  limitv3::LocalRateLimit out;
  out.set_stat_prefix(kStatPrefix);
  out.set_stage(kStage);
  out.set_local_rate_limit_per_downstream_connection(in.local_rate_limit_per_downstream_connection().value());
  if (in.enable_x_ratelimit_headers().value()) out.set_enable_x_ratelimit_headers(ratelimitv3::DRAFT_VERSION_03);
  return out;
}

void SetLimit(const limitv1::TokenBucket& in, envoy::Reporter report, limitv3::LocalRateLimit& out) {
  typev3::TokenBucket& bucket = *out.mutable_token_bucket();
  if (in.max_tokens() == 0) {
    report.Error("maxTokens", "is 0 or missing", "write how many requests may come at once, 1 or more");
  }
  bucket.set_max_tokens(in.max_tokens());
  if (in.has_tokens_per_fill()) {
    if (in.tokens_per_fill().value() == 0) report.Error("tokensPerFill", "is 0", "use 1 or more");
    *bucket.mutable_tokens_per_fill() = in.tokens_per_fill();
  }
  if (in.has_fill_interval()) {
    envoy::CheckDuration(in.fill_interval(), kMinFillMilliseconds, "fillInterval", report);
    *bucket.mutable_fill_interval() = in.fill_interval();
  } else {
    bucket.mutable_fill_interval()->set_seconds(1);
  }
  // Envoy only counts, and lets everything pass, unless told otherwise.
  Always(*out.mutable_filter_enabled());
  Always(*out.mutable_filter_enforced());
}

// The same on virtual hosts and routes; the innermost limit counts, with a bucket of its own. Envoy takes nothing from
// the listener's configuration then, so its switches are repeated.
template <typename Args>
void PerRoute(const Args& args) {
  if (!args.options.ratelimit().has_local_ratelimit()) return;
  limitv3::LocalRateLimit out = WithoutLimit(args.http_listener_options);
  SetLimit(args.options.ratelimit().local_ratelimit(), args.report.At("ratelimit.localRatelimit"), out);
  args.filters.Set(kFilter, out);
}

void ForRoutes(const gloov1::HttpListenerOptions& from, gloov1::HttpListenerOptions& to) {
  if (!from.has_http_local_ratelimit()) return;
  *to.mutable_http_local_ratelimit() = from.http_local_ratelimit();
  to.mutable_http_local_ratelimit()->clear_default_limit();
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  const limitv1::Settings& in = args.options.http_local_ratelimit();
  if (!in.has_default_limit() && !args.needs.contains(kFilter) && !args.KeepUnusedFilters()) return;
  limitv3::LocalRateLimit out = WithoutLimit(args.options);
  if (in.has_default_limit()) {
    SetLimit(in.default_limit(), args.report.At("httpLocalRatelimit.defaultLimit"), out);
  }
  args.AddFilter({envoy::Stage::kAuthN, -1}, kFilter, out);
}

// What else the `ratelimit` messages hold is for a rate-limit server.
constexpr std::string_view kClaims[] = {
    "gloo.solo.io.HttpListenerOptions.http_local_ratelimit",
    "gloo.solo.io.VirtualHostOptions.ratelimit",
    "gloo.solo.io.RouteOptions.ratelimit",
    "ratelimit.options.gloo.solo.io.RateLimitVhostExtension.local_ratelimit",
    "ratelimit.options.gloo.solo.io.RateLimitRouteExtension.local_ratelimit",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "local_ratelimit",
    .claims = kClaims,
    .for_routes = ForRoutes,
    .virtual_host = PerRoute<envoy::VirtualHostArgs>,
    .route = PerRoute<envoy::RouteArgs>,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::local_ratelimit
