#include "src/proxy_validation/routes_of.h"

#include <optional>

#include "api/core/v1/ref.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/route_options.proto.h"

namespace k8sgw::proxy_validation {
namespace {

// The path from `source`, when the problem stands there.
std::optional<std::string_view> PathFrom(const proxy::Source& source, const Problem& problem) {
  if (problem.object != source.object || !IsWithin(problem.path, source.path)) return std::nullopt;
  std::string_view rest = problem.path;
  rest.remove_prefix(source.path.size());
  if (!source.path.empty() && rest.starts_with('.')) rest.remove_prefix(1);
  return rest;
}

bool LeadsTo(const gloov1::Route& route, const ResourceKey& group) {
  const auto& ref = route.route_action().upstream_group();
  return route.route_action().has_upstream_group() && group.kind == Kind::kUpstreamGroup &&
         ref.namespace_() == group.ns && ref.name() == group.name;
}

// Whether the route took the field from there that is wrong.
bool TookOption(const proxy::OptionSources& options, const Problem& problem) {
  for (const auto& [number, source] : options) {
    const auto path = PathFrom(source, problem);
    if (!path) continue;
    const std::string field(path->substr(0, path->find_first_of(".[")));
    const auto* descriptor = gloov1::RouteOptions::descriptor()->FindFieldByCamelcaseName(field);
    if (descriptor && descriptor->number() == number) return true;
  }
  return false;
}

}  // namespace

bool IsWithin(std::string_view path, std::string_view base) {
  if (base.empty()) return true;
  return path.starts_with(base) && (path.size() == base.size() || path[base.size()] == '.' || path[base.size()] == '[');
}

std::vector<PlaceInRoute> RoutesOf(const Problem& problem, const proxy::VirtualHost& host) {
  std::vector<PlaceInRoute> places;
  for (size_t i = 0; i < host.routes.size(); ++i) {
    if (const auto path = PathFrom(host.routes[i].route, problem)) {
      places.push_back({i, std::string(*path), IsWithin(*path, "routeAction")});
    } else if (LeadsTo(host.spec->routes(static_cast<int>(i)), problem.object)) {
      places.push_back({i, "", true});
    } else if (TookOption(host.routes[i].options, problem)) {
      places.push_back({i, "", false});
    }
  }
  return places;
}

}  // namespace k8sgw::proxy_validation
