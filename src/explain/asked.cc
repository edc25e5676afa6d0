#include "src/explain/asked.h"

#include <fmt/core.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <map>

#include "envoy/config/core/v3/grpc_service.proto.h"
#include "envoy/config/core/v3/http_uri.proto.h"
#include "envoy/config/ratelimit/v3/rls.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto.h"
#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"

namespace k8sgw::explain {
namespace {

namespace routev3 = ::envoy::config::route::v3;
namespace hcmv3 = ::envoy::extensions::filters::network::http_connection_manager::v3;
namespace authv3 = ::envoy::extensions::filters::http::ext_authz::v3;
namespace limitv3 = ::envoy::extensions::filters::http::ratelimit::v3;

struct Way {
  const routev3::RouteConfiguration& routes;
  const routev3::VirtualHost& host;
  const routev3::Route& route;
};

// The configurations of the filter, the innermost first, with where they stand.
template <class Config>
std::vector<std::pair<std::string_view, Config>> PerRoute(const Way& way, const std::string& filter) {
  std::vector<std::pair<std::string_view, Config>> found;
  const auto look = [&](std::string_view where, const auto& part) {
    const auto it = part.typed_per_filter_config().find(filter);
    Config config;
    if (it != part.typed_per_filter_config().end() && it->second.UnpackTo(&config)) found.emplace_back(where, config);
  };
  look("route", way.route);
  look("virtual host", way.host);
  look("", way.routes);
  return found;
}

std::string Authorization(const authv3::ExtAuthz& config, const std::string& filter, const Way& way) {
  const auto configs = PerRoute<authv3::ExtAuthzPerRoute>(way, filter);
  if (!configs.empty() && configs.front().second.disabled()) {
    const std::string_view where = configs.front().first;
    return where.empty() ? "asks nobody, as neither route nor virtual host wants it"
                         : fmt::format("asks nobody, as the {} says", where);
  }
  if (config.has_filter_enabled()) return "403, as there is no server to ask any more";
  std::map<std::string, std::string> context;
  for (const auto& [where, own] : configs) {
    const auto& extensions = own.check_settings().context_extensions();
    context.insert(extensions.begin(), extensions.end());
  }
  std::string text = config.has_http_service()
                         ? fmt::format("asks {} by HTTP", config.http_service().server_uri().cluster())
                         : fmt::format("asks {} by gRPC", config.grpc_service().envoy_grpc().cluster_name());
  for (const auto& [key, value] : context)
    text += fmt::format("{} {}={}", key == context.begin()->first ? ", with" : ",", key, value);
  return text;
}

template <class Limits>
int64_t CountOf(const Limits& limits, uint32_t stage) {
  return std::count_if(limits.begin(), limits.end(),
                       [&](const routev3::RateLimit& limit) { return limit.stage().value() == stage; });
}

std::string RateLimits(const limitv3::RateLimit& config, const std::string& filter, const Way& way) {
  int64_t count = CountOf(way.route.route().rate_limits(), config.stage());
  const auto configs = PerRoute<limitv3::RateLimitPerRoute>(way, filter);
  const bool both = !configs.empty() && configs.front().second.vh_rate_limits() == limitv3::RateLimitPerRoute::INCLUDE;
  if (way.route.has_route() && (count == 0 || both)) count += CountOf(way.host.rate_limits(), config.stage());
  if (count == 0) return "asks nobody, as neither route nor virtual host has limits";
  return fmt::format("asks {} by gRPC, about {} descriptor{}",
                     config.rate_limit_service().grpc_service().envoy_grpc().cluster_name(), count,
                     count == 1 ? "" : "s");
}

}  // namespace

std::vector<std::string> AskedServers(const hcmv3::HttpConnectionManager& hcm,
                                      const routev3::RouteConfiguration& routes, const routev3::VirtualHost& host,
                                      const routev3::Route& route) {
  const Way way{routes, host, route};
  std::vector<std::string> lines;
  for (const auto& filter : hcm.http_filters()) {
    authv3::ExtAuthz auth;
    limitv3::RateLimit limit;
    if (filter.typed_config().Is<authv3::ExtAuthz>() && filter.typed_config().UnpackTo(&auth)) {
      lines.push_back("authorization   " + Authorization(auth, filter.name(), way));
    } else if (filter.typed_config().Is<limitv3::RateLimit>() && filter.typed_config().UnpackTo(&limit)) {
      lines.push_back("rate limits     " + RateLimits(limit, filter.name(), way));
    }
  }
  return lines;
}

}  // namespace k8sgw::explain
