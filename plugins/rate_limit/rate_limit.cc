// Rate limits that a server counts for all Envoys together. Those that each Envoy counts by itself are in
// plugins/local_ratelimit.

#include "api/core/v1/ref.proto.h"
#include "api/enterprise/ratelimit.proto.h"
#include "api/enterprise/ratelimit_api.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "envoy/config/core/v3/config_source.proto.h"
#include "envoy/config/core/v3/grpc_service.proto.h"
#include "envoy/config/ratelimit/v3/rls.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.proto.h"
#include "plugins/rate_limit/actions.h"
#include "src/envoy/asked_server.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::rate_limit {
namespace {

namespace serverv1 = ::ratelimit::options::gloo::solo::io;
namespace limitv3 = ::envoy::extensions::filters::http::ratelimit::v3;
namespace corev3 = ::envoy::config::core::v3;

constexpr char kFilter[] = "envoy.filters.http.ratelimit";
// As published: the configurations of rate-limit servers begin with this.
constexpr char kDomain[] = "custom";
constexpr uint32_t kStage = 1;
constexpr uint32_t kStageBeforeAuth = 3;
constexpr int64_t kDefaultTimeoutMs = 100;

uint32_t StageOf(const serverv1::Settings& server) {
  return server.rate_limit_before_auth() ? kStageBeforeAuth : kStage;
}

void ForRoutes(const gloov1::HttpListenerOptions& from, gloov1::HttpListenerOptions& to) {
  if (!from.has_ratelimit_server()) return;
  to.mutable_ratelimit_server()->set_rate_limit_before_auth(from.ratelimit_server().rate_limit_before_auth());
}

// A route must not be served as if these limits were not there.
template <typename Options>
void CheckEnterprise(const Options& in, envoy::Reporter& report) {
  const auto check = [&](bool is_set, std::string_view field) {
    if (is_set) envoy::ReportEnterprise(field, "use ratelimit.rateLimits with a rate-limit server of your own", report);
  };
  check(in.has_ratelimit_basic(), "ratelimitBasic");
  check(in.has_rate_limit_configs(), "rateLimitConfigs");
  check(in.has_ratelimit_early(), "ratelimitEarly");
  check(in.has_rate_limit_early_configs(), "rateLimitEarlyConfigs");
  check(in.has_ratelimit_regular(), "ratelimitRegular");
  check(in.has_rate_limit_regular_configs(), "rateLimitRegularConfigs");
}

template <typename Args>
void Limit(const Args& args, google::protobuf::RepeatedPtrField<routev3::RateLimit>& out) {
  const auto& limits = args.options.ratelimit().rate_limits();
  constexpr char kField[] = "ratelimit.rateLimits";
  if (!args.http_listener_options.has_ratelimit_server()) {
    args.report.Error(kField, "there is no server to ask",
                      "name one in ratelimitServer.ratelimitServerRef of Settings or of the Gateway's options");
  }
  TranslateRateLimits(limits, StageOf(args.http_listener_options.ratelimit_server()), args.report.At(kField), out);
}

void VirtualHost(const envoy::VirtualHostArgs& args) {
  CheckEnterprise(args.options, args.report);
  if (!args.options.ratelimit().rate_limits().empty()) Limit(args, *args.out.mutable_rate_limits());
}

void Route(const envoy::RouteArgs& args) {
  CheckEnterprise(args.options, args.report);
  const auto& in = args.options.ratelimit();
  if (!in.rate_limits().empty() && args.RequireAction("ratelimit.rateLimits")) {
    Limit(args, *args.action->mutable_rate_limits());
  }
  if (in.include_vh_rate_limits() && args.RequireAction("ratelimit.includeVhRateLimits")) {
    limitv3::RateLimitPerRoute out;
    out.set_vh_rate_limits(limitv3::RateLimitPerRoute::INCLUDE);
    args.filters.SetIfThere(kFilter, out);
  }
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  if (!args.options.has_ratelimit_server()) return;
  const serverv1::Settings& in = args.options.ratelimit_server();
  envoy::Reporter report = args.report.At("ratelimitServer");
  limitv3::RateLimit out;
  out.set_domain(kDomain);
  out.set_stage(StageOf(in));
  out.set_request_type("both");
  *out.mutable_timeout() =
      envoy::AskedTimeout(in.request_timeout(), in.has_request_timeout(), kDefaultTimeoutMs, report);
  out.set_failure_mode_deny(in.deny_on_fail());
  if (in.enable_x_ratelimit_headers()) out.set_enable_x_ratelimit_headers(limitv3::RateLimit::DRAFT_VERSION_03);
  auto& service = *out.mutable_rate_limit_service();
  service.set_transport_api_version(corev3::V3);
  const std::string cluster =
      envoy::AskedCluster(args.context, in.ratelimit_server_ref(), envoy::AskedBy::kGrpc, "ratelimitServerRef", report);
  envoy::SetGrpcServer(cluster, in.grpc_service().authority(), report, *service.mutable_grpc_service());
  const envoy::FilterPlace place = in.rate_limit_before_auth() ? envoy::FilterPlace{envoy::Stage::kAuthN, -1}
                                                               : envoy::FilterPlace{envoy::Stage::kRateLimit};
  args.AddFilter(place, kFilter, out);
}

// Those of the Enterprise edition are answered here. `ratelimit` itself is claimed by plugins/local_ratelimit.
constexpr std::string_view kClaims[] = {
    "gloo.solo.io.HttpListenerOptions.ratelimit_server",
    "gloo.solo.io.VirtualHostOptions.ratelimit_basic",
    "gloo.solo.io.VirtualHostOptions.rate_limit_configs",
    "gloo.solo.io.VirtualHostOptions.ratelimit_early",
    "gloo.solo.io.VirtualHostOptions.rate_limit_early_configs",
    "gloo.solo.io.VirtualHostOptions.ratelimit_regular",
    "gloo.solo.io.VirtualHostOptions.rate_limit_regular_configs",
    "gloo.solo.io.RouteOptions.ratelimit_basic",
    "gloo.solo.io.RouteOptions.rate_limit_configs",
    "gloo.solo.io.RouteOptions.ratelimit_early",
    "gloo.solo.io.RouteOptions.rate_limit_early_configs",
    "gloo.solo.io.RouteOptions.ratelimit_regular",
    "gloo.solo.io.RouteOptions.rate_limit_regular_configs",
    "ratelimit.options.gloo.solo.io.RateLimitVhostExtension.rate_limits",
    "ratelimit.options.gloo.solo.io.RateLimitRouteExtension.rate_limits",
    "ratelimit.options.gloo.solo.io.RateLimitRouteExtension.include_vh_rate_limits",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "rate_limit",
    .claims = kClaims,
    .for_routes = ForRoutes,
    .virtual_host = VirtualHost,
    .route = Route,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::rate_limit
