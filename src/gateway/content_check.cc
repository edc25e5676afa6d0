#include "src/gateway/content_check.h"

#include "api/envoy/type/matcher/v3/regex.proto.h"
#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/matchers.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "src/model/label_selector.h"

namespace k8sgw::gateway {
namespace {

constexpr char kTargetRefs[] = "is for the Kubernetes Gateway API, which is not translated yet, so it has no effect";

class Checker {
 public:
  explicit Checker(const ContentLimits& limits) : limits_(limits) {}

  template <class Routes>
  void Check(const Routes& routes, const Source& at, std::string_view list) {
    for (int i = 0; i < routes.size(); ++i) CheckRoute(routes[i], Element(at, list, i));
  }
  void CheckOptions(const gloov1::RouteOptions& options, const Source& at);

  Problems Take() {
    Normalize(problems_);
    return std::move(problems_);
  }

 private:
  void CheckRoute(const gatewayv1::Route& route, const Source& at);
  void CheckMatcher(const ::matchers::core::gloo::solo::io::Matcher& matcher, const Source& at);
  void CheckSelector(const gatewayv1::RouteTableSelector& selector, const Source& at);
  void CheckPattern(const std::string& regex, const Source& at) {
    RegexProblem problem = CheckRegex(regex, limits_.regex_max_program_size);
    if (!problem.empty()) problems_.push_back(Error(at, std::move(problem.message), std::move(problem.fix)));
  }

  const ContentLimits& limits_;
  Problems problems_;
};

void Checker::CheckRoute(const gatewayv1::Route& route, const Source& at) {
  if (route.action_case() == gatewayv1::Route::ACTION_NOT_SET) {
    problems_.push_back(Error(at, "the route must specify an action",
                              "add routeAction, redirectAction, directResponseAction or delegateAction"));
  }
  for (int i = 0; i < route.matchers_size(); ++i) CheckMatcher(route.matchers(i), Element(at, "matchers", i));
  if (route.has_options()) CheckOptions(route.options(), Field(at, "options"));
  if (!route.has_delegate_action()) return;
  const auto& action = route.delegate_action();
  const bool by_name = !action.name().empty() || !action.namespace_().empty();
  const Source place = Field(at, "delegateAction");
  if (by_name && action.delegation_type_case() != gatewayv1::DelegateAction::DELEGATION_TYPE_NOT_SET) {
    problems_.push_back(Warning(Field(place, action.has_selector() ? "selector" : "ref"),
                                "has no effect, because the deprecated name and namespace are set", "remove those"));
  } else if (!by_name && action.delegation_type_case() == gatewayv1::DelegateAction::DELEGATION_TYPE_NOT_SET) {
    problems_.push_back(Warning(place, "delegates to nothing", "add ref or selector"));
  } else if (!by_name && action.has_selector()) {
    CheckSelector(action.selector(), Field(place, "selector"));
  }
}

void Checker::CheckMatcher(const ::matchers::core::gloo::solo::io::Matcher& matcher, const Source& at) {
  if (!matcher.regex().empty()) CheckPattern(matcher.regex(), Field(at, "regex"));
  for (int i = 0; i < matcher.headers_size(); ++i) {
    // Without a value only the presence is matched.
    const auto& header = matcher.headers(i);
    if (header.regex() && !header.value().empty())
      CheckPattern(header.value(), Field(Element(at, "headers", i), "value"));
  }
  for (int i = 0; i < matcher.query_parameters_size(); ++i) {
    const auto& parameter = matcher.query_parameters(i);
    if (!parameter.regex() || parameter.value().empty()) continue;
    CheckPattern(parameter.value(), Field(Element(at, "queryParameters", i), "value"));
  }
}

// A selector that makes no sense selects nothing, as published, so these are warnings.
void Checker::CheckSelector(const gatewayv1::RouteTableSelector& selector, const Source& at) {
  if (!selector.labels().empty() && !selector.expressions().empty()) {
    problems_.push_back(
        Warning(at, "selects nothing, because both labels and expressions are set", "remove one of them"));
  }
  const auto requirements = ReadRequirements(selector.expressions());
  for (size_t i = 0; i < requirements.size(); ++i) {
    if (std::string problem = CheckRequirement(requirements[i]); !problem.empty()) {
      problems_.push_back(Warning(Element(at, "expressions", static_cast<int>(i)),
                                  "selects nothing, because " + problem,
                                  "write it by the rules of Kubernetes' label selectors"));
    }
  }
}

void Checker::CheckOptions(const gloov1::RouteOptions& options, const Source& at) {
  if (options.has_regex_rewrite()) {
    CheckPattern(options.regex_rewrite().pattern().regex(), Field(at, "regexRewrite.pattern.regex"));
  }
  if (options.has_host_rewrite_path_regex()) {
    CheckPattern(options.host_rewrite_path_regex().pattern().regex(), Field(at, "hostRewritePathRegex.pattern.regex"));
  }
}

}  // namespace

Problems CheckVirtualService(const Object<gatewayv1::VirtualService>& service, const ContentLimits& limits) {
  Checker checker(limits);
  checker.Check(service.spec.virtual_host().routes(), {KeyOf(service.ref), "virtualHost"}, "routes");
  return checker.Take();
}

Problems CheckRouteTable(const Object<gatewayv1::RouteTable>& table, const ContentLimits& limits) {
  Checker checker(limits);
  checker.Check(table.spec.routes(), {KeyOf(table.ref), ""}, "routes");
  return checker.Take();
}

Problems CheckRouteOption(const Object<gatewayv1::RouteOption>& option, const ContentLimits& limits) {
  Checker checker(limits);
  checker.CheckOptions(option.spec.options(), {KeyOf(option.ref), "options"});
  Problems problems = checker.Take();
  if (option.spec.target_refs_size() > 0) problems.push_back(Notice({KeyOf(option.ref), "targetRefs"}, kTargetRefs));
  return problems;
}

Problems CheckVirtualHostOption(const Object<gatewayv1::VirtualHostOption>& option) {
  if (option.spec.target_refs_size() == 0) return {};
  return {Notice({KeyOf(option.ref), "targetRefs"}, kTargetRefs)};
}

}  // namespace k8sgw::gateway
