#include "src/envoy/virtual_host.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/route_configuration_options.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/envoy/header_check.h"
#include "src/envoy/names.h"
#include "src/envoy/route.h"

namespace k8sgw::envoy {
namespace {

// Sends the routes from `first` on to the fallback cluster.
void ReplaceRoutes(routev3::VirtualHost& host, int first) {
  for (int i = first; i < host.routes_size(); ++i) {
    routev3::Route& route = *host.mutable_routes(i);
    route.mutable_typed_per_filter_config()->clear();
    route.mutable_route()->Clear();
    route.mutable_route()->set_cluster(kFallbackCluster);
  }
}

// A route whose matchers are wrong cannot be replaced: nobody knows which requests it was for.
bool MatchersFailed(const Problems& problems, size_t from) {
  return std::any_of(problems.begin() + static_cast<ptrdiff_t>(from), problems.end(), [](const Problem& p) {
    return p.severity == Severity::kError && p.path.find("matchers") != std::string::npos;
  });
}

uint32_t CountFallbacks(const routev3::VirtualHost& host) {
  uint32_t count = 0;
  for (const routev3::Route& route : host.routes()) {
    count += route.route().cluster() == kFallbackCluster ? 1 : 0;
    for (const auto& cluster : route.route().weighted_clusters().clusters()) {
      count += cluster.name() == kFallbackCluster ? 1 : 0;
    }
  }
  return count;
}

// Envoy refuses a whole table for one body that is too long.
void CheckBody(const gloov1::Route& route, const gloov1::Listener& listener, Reporter& report) {
  const auto& options = listener.route_options();
  const uint32_t most = options.has_max_direct_response_body_size_bytes()
                            ? options.max_direct_response_body_size_bytes().value()
                            : kDefaultMaxBodyBytes;
  const size_t size = route.direct_response_action().body().size();
  if (size <= most) return;
  report.Error("directResponseAction.body",
               "has " + std::to_string(size) + " bytes, and the listener allows " + std::to_string(most),
               "shorten it, or raise routeOptions.maxDirectResponseBodySizeBytes of the Gateway");
}

// Returns how many routes are left out.
uint32_t TranslateRoutes(const Context& context, const gloov1::Listener& listener, const proxy::VirtualHost& in,
                         Problems& problems, Needs& needs, routev3::VirtualHost& out) {
  uint32_t left_out = 0;
  const bool replace = context.settings().gloo().invalid_config_policy().replace_invalid_routes();
  for (int i = 0; i < in.spec->routes_size(); ++i) {
    const size_t before = problems.size();
    const int first = out.routes_size();
    const proxy::RouteSource& source = in.routes[static_cast<size_t>(i)];
    Reporter route(problems, source.route);
    TranslateRoute(context, listener.http_listener().options(), *in.spec, i, source, route, needs, out);
    CheckBody(in.spec->routes(i), listener, route);
    if (!replace || !route.failed()) continue;
    if (MatchersFailed(problems, before)) {
      out.mutable_routes()->DeleteSubrange(first, out.routes_size() - first);
      ++left_out;
    } else {
      ReplaceRoutes(out, first);
    }
    for (size_t p = before; p < problems.size(); ++p) {
      if (problems[p].severity == Severity::kError) problems[p].severity = Severity::kWarning;
    }
  }
  return left_out;
}

Ptr<std::string> AsField(const routev3::VirtualHost& host) {
  const std::string body = SerializeDeterministic(host);
  auto bytes = std::make_shared<std::string>();
  bytes->reserve(body.size() + 6);
  bytes->push_back((::envoy::config::route::v3::RouteConfiguration::kVirtualHostsFieldNumber << 3) | 2);
  for (size_t size = body.size();; size >>= 7) {
    bytes->push_back(static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0)));
    if (size <= 0x7f) break;
  }
  bytes->append(body);
  return bytes;
}

}  // namespace

TranslatedVirtualHost TranslateVirtualHost(const Context& context, const proxy::Listener& listener,
                                           const Ptr<proxy::VirtualHost>& in, const RouteConfigKey& route_config) {
  TranslatedVirtualHost result;
  auto value = std::make_shared<VirtualHost>();
  value->route_config = route_config;
  value->from = in;

  google::protobuf::Arena arena;
  auto& out = *google::protobuf::Arena::CreateMessage<routev3::VirtualHost>(&arena);
  out.set_name(SanitizeStatName(in->spec->name()));
  if (listener.ssl) out.set_require_tls(routev3::VirtualHost::ALL);
  for (const std::string& domain : in->spec->domains()) {
    out.add_domains(domain);
    value->domains.push_back(absl::AsciiStrToLower(domain));
  }
  if (out.domains().empty()) {
    out.add_domains("*");
    value->domains.push_back("*");
  }
  Reporter report(result.problems, in->source);
  for (int i = 0; i < in->spec->domains_size(); ++i) {
    if (in->spec->domains(i).empty()) {
      report.Error("domains[" + std::to_string(i) + "]", "the domain is empty", "remove it, or write \"*\" for all");
    }
    if (std::string problem = CheckHeaderValue(in->spec->domains(i)); !problem.empty()) {
      report.Error("domains[" + std::to_string(i) + "]", std::move(problem), kHeaderValueFix);
    }
  }
  const gloov1::HttpListenerOptions& listener_options = listener.spec->http_listener().options();
  value->replaced_routes = TranslateRoutes(context, *listener.spec, *in, result.problems, value->needs, out);
  value->replaced_routes += CountFallbacks(out);

  PerFilterConfig filters(*out.mutable_typed_per_filter_config(), value->needs);
  Reporter options = report.ForOptions("options", *in->spec->options().GetDescriptor(), in->options);
  const VirtualHostArgs args{context, *in->spec, in->spec->options(), listener_options, options, out, filters};
  for (const Plugin* plugin : AllPlugins()) {
    if (plugin->virtual_host) plugin->virtual_host(args);
  }
  WarnUntranslated(in->spec->options(), options);

  value->bytes = AsField(out);
  value->hash = Hash64(*value->bytes);
  value->kube_destinations = context.kube_destinations();
  for (const gloov1::Route& route : in->spec->routes()) {
    const auto bytes = static_cast<uint32_t>(route.direct_response_action().body().size());
    value->longest_body = std::max(value->longest_body, bytes);
  }
  result.accepted = in->accepted && !HasErrors(result.problems);
  result.value = std::move(value);
  return result;
}

}  // namespace k8sgw::envoy
