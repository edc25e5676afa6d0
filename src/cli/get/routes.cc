#include "src/cli/get/routes.h"

#include <utility>

#include "src/base/text.h"
#include "src/cli/cluster/object.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

// The published notation.
std::string Dotted(const Node& ref) { return Cat(ref.FindScalar("namespace"), ".", ref.FindScalar("name")); }

std::string DescribeMatcher(const Node& matcher) {
  std::string out;
  for (const char* path : {"prefix", "exact", "regex", "connectMatcher"}) {
    if (const Node* found = matcher.Find(path)) out = found->is_scalar() ? found->scalar : "CONNECT";
  }
  if (out.empty()) out = "/";
  std::string methods;
  for (const Node& method : ItemsAt(matcher, {"methods"})) methods += (methods.empty() ? "" : ",") + method.scalar;
  std::string more;
  for (const Node& header : ItemsAt(matcher, {"headers"})) more += Cat(" ", header.FindScalar("name"));
  return Cat(methods, methods.empty() ? "" : " ", out, more.empty() ? "" : " if", more);
}

std::string DescribeDelegation(const Node& action) {
  if (const Node* ref = action.Find("ref")) return Dotted(*ref) + " (route table)";
  if (action.Find("name")) return Dotted(action) + " (route table)";
  std::string labels;
  if (const Node* of = At(action, {"selector", "labels"})) {
    for (const Node::Entry& entry : of->entries)
      labels += Cat(labels.empty() ? "" : ",", entry.key, "=", entry.value.scalar);
  }
  return Cat("route tables", labels.empty() ? "" : " with ", labels);
}

std::string DescribeAction(const Node& route) {
  if (const Node* action = route.Find("routeAction")) {
    if (const Node* single = action->Find("single")) return DescribeDestination(*single);
    if (const Node* group = action->Find("upstreamGroup")) return Dotted(*group) + " (upstream group)";
    if (action->Find("multi")) return Cat(ItemsAt(*action, {"multi", "destinations"}).size(), " destinations");
    if (const Node* header = action->Find("clusterHeader")) return Cat("the cluster of header ", header->scalar);
    return "dynamic";
  }
  if (const Node* action = route.Find("delegateAction")) return DescribeDelegation(*action);
  if (const Node* action = route.Find("redirectAction")) {
    std::string path(action->FindScalar("pathRedirect"));
    if (path.empty()) path = action->FindScalar("prefixRewrite");
    return Cat(IsTrueAt(*action, {"httpsRedirect"}) ? "https://" : "", action->FindScalar("hostRedirect"), path,
               " (redirect)");
  }
  if (const Node* action = route.Find("directResponseAction"))
    return Cat(action->FindScalar("status"), " (direct response)");
  return "nothing";
}

}  // namespace

std::string DescribeDestination(const Node& destination) {
  if (const Node* upstream = destination.Find("upstream")) return Dotted(*upstream) + " (upstream)";
  if (const Node* kube = destination.Find("kube")) {
    const Node* ref = kube->Find("ref");
    return Cat(ref ? Dotted(*ref) : std::string(), ":", kube->FindScalar("port"), " (service)");
  }
  if (const Node* consul = destination.Find("consul")) return Cat(consul->FindScalar("serviceName"), " (consul)");
  return "nothing";
}

std::vector<std::string> DescribeRoutes(const std::vector<Node>& routes) {
  std::vector<std::string> lines;
  for (const Node& route : routes) {
    const std::string action = DescribeAction(route);
    const std::vector<Node>& matchers = ItemsAt(route, {"matchers"});
    // Without a matcher a route is for everything.
    if (matchers.empty()) lines.push_back("/ -> " + action);
    for (const Node& matcher : matchers) lines.push_back(Cat(DescribeMatcher(matcher), " -> ", action));
  }
  return lines;
}

}  // namespace k8sgw::cli
