// What is hashed to choose a host, with the ringHash and maglev load balancers.

#include "envoy/config/route/v3/route_components.pb.h"

#include "api/gloo/v1/route_options.pb.h"
#include "plugins/lb_hash/lb_hash.pb.h"
#include "src/envoy/duration.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::lb_hash {
namespace {

namespace lbhashv1 = ::lbhash::options::gloo::solo::io;

void Route(const envoy::RouteArgs& args) {
  if (!args.options.has_lb_hash() || !args.RequireAction("lbHash")) return;
  const auto& policies = args.options.lb_hash().hash_policies();
  for (int i = 0; i < policies.size(); ++i) {
    const std::string field = "lbHash.hashPolicies[" + std::to_string(i) + "]";
    auto& out = *args.action->add_hash_policy();
    out.set_terminal(policies[i].terminal());
    switch (policies[i].KeyType_case()) {
      case lbhashv1::HashPolicy::kHeader:
        if (policies[i].header().empty()) args.report.Error(field + ".header", "is empty");
        out.mutable_header()->set_header_name(policies[i].header());
        break;
      case lbhashv1::HashPolicy::kCookie: {
        const auto& cookie = policies[i].cookie();
        if (cookie.name().empty()) args.report.Error(field + ".cookie.name", "is empty");
        out.mutable_cookie()->set_name(cookie.name());
        out.mutable_cookie()->set_path(cookie.path());
        if (cookie.has_ttl() && envoy::CheckDuration(cookie.ttl(), 0, field + ".cookie.ttl", args.report)) {
          *out.mutable_cookie()->mutable_ttl() = cookie.ttl();
        }
        break;
      }
      case lbhashv1::HashPolicy::kSourceIp: out.mutable_connection_properties()->set_source_ip(policies[i].source_ip()); break;
      case lbhashv1::HashPolicy::KEYTYPE_NOT_SET:
        args.report.Error(field, "says nothing to hash", "add header, cookie or sourceIp");
        break;
    }
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.RouteOptions.lb_hash"};

}  // namespace

extern const envoy::Plugin kPlugin = {.name = "lb_hash", .claims = kClaims, .route = Route};

}  // namespace k8sgw::plugins::lb_hash
