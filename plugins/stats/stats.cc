// Statistics of groups of requests: virtual clusters of virtual hosts.

#include <algorithm>
#include <cctype>

#include "api/envoy/kit/api/v2/core/base.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "plugins/stats/stats.proto.h"
#include "src/envoy/names.h"
#include "src/envoy/plugin.h"
#include "src/envoy/regex.h"

namespace k8sgw::plugins::stats {
namespace {

using ::envoy::config::route::v3::HeaderMatcher;

std::string ToUpper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

void CheckMethod(const std::string& method, const std::string& field, envoy::Reporter& report) {
  // The methods that are published as allowed, with METHOD_UNSPECIFIED among them.
  ::solo::io::envoy::api::v2::core::RequestMethod known;
  if (!::solo::io::envoy::api::v2::core::RequestMethod_Parse(method, &known)) {
    report.Error(field, "\"" + method + "\" is no method",
                 "use GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE or PATCH");
  }
}

void VirtualHost(const envoy::VirtualHostArgs& args) {
  const auto& clusters = args.options.stats().virtual_clusters();
  for (int i = 0; i < clusters.size(); ++i) {
    const std::string field = "stats.virtualClusters[" + std::to_string(i) + "]";
    auto& out = *args.out.add_virtual_clusters();
    if (clusters[i].name().empty()) args.report.Error(field + ".name", "is empty", "add a name for the statistics");
    out.set_name(envoy::SanitizeStatName(clusters[i].name()));

    const std::string& pattern = clusters[i].pattern();
    HeaderMatcher& path = *out.add_headers();
    path.set_name(":path");
    envoy::TranslateRegex(field + ".pattern", pattern, args.report, *path.mutable_string_match()->mutable_safe_regex());

    if (clusters[i].method().empty()) continue;
    const std::string method = ToUpper(clusters[i].method());
    CheckMethod(method, field + ".method", args.report);
    HeaderMatcher& matcher = *out.add_headers();
    matcher.set_name(":method");
    matcher.mutable_string_match()->set_exact(method);
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.VirtualHostOptions.stats"};

}  // namespace

extern const envoy::Plugin kPlugin = {.name = "stats", .claims = kClaims, .virtual_host = VirtualHost};

}  // namespace k8sgw::plugins::stats
