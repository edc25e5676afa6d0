#include "src/cli/edit/route.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/cli/cluster/object.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

Node Ref(const ObjectName& name) {
  Node ref = MakeMap();
  PutText(ref, "name", name.name);
  PutText(ref, "namespace", name.ns);
  return ref;
}

// NAME=VALUE as two fields.
Node Pair(const std::string& text) {
  Node out = MakeMap();
  const size_t equals = text.find('=');
  PutText(out, "name", text.substr(0, equals));
  if (equals != std::string::npos) PutText(out, "value", text.substr(equals + 1));
  return out;
}

Node Pairs(const std::vector<std::string>& texts) {
  Node list = MakeList();
  for (const std::string& text : texts) list.items.push_back(Pair(text));
  return list;
}

Node MakeMatcher(const RouteRequest& request) {
  Node matcher = MakeMap();
  PutText(matcher, "exact", request.path_exact);
  PutText(matcher, "regex", request.path_regex);
  PutText(matcher, "prefix", request.path_prefix);
  if (matcher.entries.empty()) PutText(matcher, "prefix", "/");
  Node methods = MakeList();
  for (const std::string& method : request.methods) methods.items.push_back(MakeText(method));
  if (!methods.items.empty()) Put(matcher, "methods", std::move(methods));
  if (!request.headers.empty()) Put(matcher, "headers", Pairs(request.headers));
  if (!request.query_parameters.empty()) Put(matcher, "queryParameters", Pairs(request.query_parameters));
  return matcher;
}

}  // namespace

absl::StatusOr<Node> MakeRoute(const RouteRequest& request) {
  const int paths = !request.path_exact.empty() + !request.path_prefix.empty() + !request.path_regex.empty();
  if (paths > 1)
    return absl::InvalidArgumentError("a route has one path: give --path-exact, --path-prefix or --path-regex");
  const int goals =
      !request.upstream.name.empty() + !request.upstream_group.name.empty() + !request.delegate.name.empty();
  if (goals != 1)
    return absl::InvalidArgumentError(
        "a route leads to one place: give --dest-name, --upstream-group-name or --delegate-name");
  Node route = MakeMap();
  Put(route, "matchers", MakeList({MakeMatcher(request)}));
  if (!request.upstream.name.empty()) {
    Put(Put(Put(route, "routeAction", MakeMap()), "single", MakeMap()), "upstream", Ref(request.upstream));
  } else if (!request.upstream_group.name.empty()) {
    Put(Put(route, "routeAction", MakeMap()), "upstreamGroup", Ref(request.upstream_group));
  } else {
    Put(Put(route, "delegateAction", MakeMap()), "ref", Ref(request.delegate));
  }
  if (!request.prefix_rewrite.empty())
    PutText(Put(route, "options", MakeMap()), "prefixRewrite", request.prefix_rewrite);
  return route;
}

void InsertRoute(Node& object, const std::vector<std::string>& routes, Node route, size_t index) {
  Node* at = &object;
  for (const std::string& key : routes) {
    at = &MapAt(*at, key);
    if (at->is_null()) *at = MakeMap();
  }
  if (!at->is_sequence()) *at = MakeList();
  index = std::min(index, at->items.size());
  at->items.insert(at->items.begin() + static_cast<std::ptrdiff_t>(index), std::move(route));
}

}  // namespace k8sgw::cli
