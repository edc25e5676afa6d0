#include "src/gateway/route_sort.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "api/gloo/v1/matchers.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "src/gateway/matchers.h"

namespace k8sgw::gateway {
namespace {

using matchersv1::Matcher;

int PathRank(const Matcher& matcher) {
  switch (matcher.path_specifier_case()) {
    case Matcher::kExact: return 1;
    case Matcher::kRegex: return 2;
    case Matcher::kPrefix: return 3;
    // As published, CONNECT counts as no path.
    case Matcher::kConnectMatcher:
    case Matcher::PATH_SPECIFIER_NOT_SET: return 0;
  }
  return 0;
}

bool ComesBefore(const Matcher& a, const Matcher& b) {
  const std::string_view path_a = PathText(a);
  const std::string_view path_b = PathText(b);
  return std::tuple(-a.methods_size(), PathRank(a), path_b) < std::tuple(-b.methods_size(), PathRank(b), path_a);
}

const Matcher& FirstMatcher(const gloov1::Route& route) {
  if (route.matchers().empty()) return DefaultMatcher();
  return *std::min_element(route.matchers().begin(), route.matchers().end(), ComesBefore);
}

}  // namespace

void SortRoutes(std::vector<FlatRoute>& routes) {
  std::stable_sort(routes.begin(), routes.end(), [](const FlatRoute& a, const FlatRoute& b) {
    return ComesBefore(FirstMatcher(*a.route), FirstMatcher(*b.route));
  });
}

}  // namespace k8sgw::gateway
