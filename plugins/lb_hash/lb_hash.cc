// What is hashed to choose a host, with the ringHash and maglev load balancers.

#include "api/gloo/v1/route_options.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "plugins/lb_hash/lb_hash.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/header_check.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::lb_hash {
namespace {

namespace lbhashv1 = ::lbhash::options::gloo::solo::io;

using HashPolicy = ::envoy::config::route::v3::RouteAction::HashPolicy;

void TranslateCookie(const lbhashv1::Cookie& in, const std::string& field, envoy::Reporter& report,
                     HashPolicy::Cookie& out) {
  if (in.name().empty()) report.Error(field + ".name", "is empty", "add the name of the cookie");
  // With a ttl, Envoy writes name and path into a Set-Cookie header.
  if (std::string problem = envoy::CheckHeaderValue(in.name()); !problem.empty()) {
    report.Error(field + ".name", std::move(problem), envoy::kHeaderValueFix);
  }
  if (std::string problem = envoy::CheckHeaderValue(in.path()); !problem.empty()) {
    report.Error(field + ".path", std::move(problem), envoy::kHeaderValueFix);
  }
  out.set_name(in.name());
  out.set_path(in.path());
  if (in.has_ttl() && envoy::CheckDuration(in.ttl(), 0, field + ".ttl", report)) *out.mutable_ttl() = in.ttl();
}

void TranslatePolicy(const lbhashv1::HashPolicy& in, const std::string& field, envoy::Reporter& report,
                     HashPolicy& out) {
  out.set_terminal(in.terminal());
  switch (in.KeyType_case()) {
    case lbhashv1::HashPolicy::kHeader:
      if (std::string problem = envoy::CheckHeaderName(in.header()); !problem.empty()) {
        report.Error(field + ".header", std::move(problem), envoy::kHeaderNameFix);
      }
      out.mutable_header()->set_header_name(in.header());
      return;
    case lbhashv1::HashPolicy::kCookie:
      TranslateCookie(in.cookie(), field + ".cookie", report, *out.mutable_cookie());
      return;
    case lbhashv1::HashPolicy::kSourceIp: out.mutable_connection_properties()->set_source_ip(in.source_ip()); return;
    case lbhashv1::HashPolicy::KEYTYPE_NOT_SET:
      report.Error(field, "says nothing to hash", "add header, cookie or sourceIp");
      return;
  }
}

void Route(const envoy::RouteArgs& args) {
  if (!args.options.has_lb_hash() || !args.RequireAction("lbHash")) return;
  const auto& policies = args.options.lb_hash().hash_policies();
  for (int i = 0; i < policies.size(); ++i) {
    TranslatePolicy(policies[i], "lbHash.hashPolicies[" + std::to_string(i) + "]", args.report,
                    *args.action->add_hash_policy());
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.RouteOptions.lb_hash"};

}  // namespace

extern const envoy::Plugin kPlugin = {.name = "lb_hash", .claims = kClaims, .route = Route};

}  // namespace k8sgw::plugins::lb_hash
