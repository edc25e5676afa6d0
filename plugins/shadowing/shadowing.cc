// A copy of each request, or of a share of them, to a second upstream; its answers are thrown away.

#include <cmath>

#include "api/core/v1/ref.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/type/v3/percent.proto.h"
#include "plugins/shadowing/shadowing.proto.h"
#include "src/envoy/header_check.h"
#include "src/envoy/names.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::shadowing {
namespace {

using ::envoy::type::v3::FractionalPercent;

// The upstream's cluster; "" when requests cannot be copied to it.
std::string FindCluster(const envoy::RouteArgs& args) {
  const auto& in = args.options.shadowing();
  if (in.upstream().name().empty()) {
    args.report.Error("shadowing.upstream", "names no upstream", "add upstream: {name: …, namespace: …}");
    return "";
  }
  const UpstreamRef ref{in.upstream().namespace_(), in.upstream().name()};
  const auto upstream = args.context.FindUpstream(ref);
  if (upstream && upstream->served) return envoy::ClusterName(ref);
  // The requests themselves are not in danger, so they keep being served.
  args.report.Warning("shadowing.upstream",
                      (upstream ? "Upstream " + ref.ToString() + " is invalid and was never served"
                                : "there is no Upstream " + ref.ToString()) +
                          ", so no requests are copied",
                      upstream ? "mend the Upstream" : "create it, or correct name and namespace");
  return "";
}

void Route(const envoy::RouteArgs& args) {
  if (!args.options.has_shadowing() || !args.RequireAction("shadowing")) return;
  const auto& in = args.options.shadowing();
  if (!(in.percentage() >= 0 && in.percentage() <= 100)) {
    args.report.Error("shadowing.percentage", "is no percentage", "use 0 to 100");
    return;
  }
  if (std::string problem = envoy::CheckHeaderValue(in.host_rewrite_literal()); !problem.empty()) {
    args.report.Error("shadowing.hostRewriteLiteral", std::move(problem), envoy::kHeaderValueFix);
  }
  const std::string cluster = FindCluster(args);
  if (cluster.empty()) return;
  auto& out = *args.action->add_request_mirror_policies();
  out.set_cluster(cluster);
  auto& share = *out.mutable_runtime_fraction()->mutable_default_value();
  share.set_denominator(FractionalPercent::MILLION);
  share.set_numerator(static_cast<uint32_t>(std::lround(in.percentage() * 10'000)));
  out.set_disable_shadow_host_suffix_append(in.disable_shadow_host_suffix_append());
  out.set_host_rewrite_literal(in.host_rewrite_literal());
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.RouteOptions.shadowing"};

}  // namespace

extern const envoy::Plugin kPlugin = {.name = "shadowing", .claims = kClaims, .route = Route};

}  // namespace k8sgw::plugins::shadowing
