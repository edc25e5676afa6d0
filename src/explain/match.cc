#include "src/explain/match.h"

#include <google/protobuf/wrappers.pb.h>
#include <re2/re2.h>

#include <algorithm>
#include <cctype>

#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/type/matcher/v3/regex.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"

namespace k8sgw::explain {
namespace {

namespace routev3 = ::envoy::config::route::v3;
using ::envoy::type::matcher::v3::StringMatcher;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

bool FullMatch(const std::string& text, const std::string& regex) {
  return RE2::FullMatch(text, RE2(regex, RE2::Quiet));
}

// "" or "is not …".
std::string WhyNotText(const StringMatcher& matcher, const std::string& value) {
  const std::string text = matcher.ignore_case() ? Lower(value) : value;
  const auto fold = [&](const std::string& pattern) { return matcher.ignore_case() ? Lower(pattern) : pattern; };
  switch (matcher.match_pattern_case()) {
    case StringMatcher::kExact: return text == fold(matcher.exact()) ? "" : "is not " + Quoted(matcher.exact());
    case StringMatcher::kPrefix:
      return text.starts_with(fold(matcher.prefix())) ? "" : "does not begin with " + Quoted(matcher.prefix());
    case StringMatcher::kSuffix:
      return text.ends_with(fold(matcher.suffix())) ? "" : "does not end with " + Quoted(matcher.suffix());
    case StringMatcher::kContains:
      return text.find(fold(matcher.contains())) != std::string::npos
                 ? ""
                 : "does not contain " + Quoted(matcher.contains());
    case StringMatcher::kSafeRegex:
      return FullMatch(value, matcher.safe_regex().regex())
                 ? ""
                 : "does not match the regex " + Quoted(matcher.safe_regex().regex());
    default: return "";
  }
}

std::string WhyNotPath(const routev3::RouteMatch& match, const Request& request) {
  const bool fold = match.has_case_sensitive() && !match.case_sensitive().value();
  const auto folded = [&](const std::string& text) { return fold ? Lower(text) : text; };
  const std::string path = request.PathWithoutQuery();
  switch (match.path_specifier_case()) {
    case routev3::RouteMatch::kPrefix:
      return folded(request.path).starts_with(folded(match.prefix()))
                 ? ""
                 : "the path does not begin with " + Quoted(match.prefix());
    case routev3::RouteMatch::kPath:
      return folded(path) == folded(match.path()) ? "" : "the path is not exactly " + Quoted(match.path());
    case routev3::RouteMatch::kSafeRegex:
      return FullMatch(path, match.safe_regex().regex())
                 ? ""
                 : "the whole path does not match the regex " + Quoted(match.safe_regex().regex());
    case routev3::RouteMatch::kConnectMatcher: return request.method == "CONNECT" ? "" : "the method is not CONNECT";
    default: return "the route has no path that is known here";
  }
}

// Envoy looks at each value of a repeated header: one that fits is enough, and an inverted matcher wants none that
// does. Values are only compared when the header is there, inverted or not.
std::string WhyNotHeader(const routev3::HeaderMatcher& matcher, const Request& request) {
  const std::string name = matcher.name() == ":method" ? "the method" : "header " + matcher.name();
  const std::vector<std::string> values = request.Values(Lower(matcher.name()));
  if (!matcher.has_string_match()) {
    if (!values.empty() == !matcher.invert_match()) return "";
    return name + (values.empty() ? " is missing" : " is there, and the matcher is inverted");
  }
  if (values.empty()) return name + " is missing";
  std::string why;
  for (const std::string& value : values) {
    why = WhyNotText(matcher.string_match(), value);
    if (why.empty()) break;
  }
  if (matcher.invert_match()) return why.empty() ? name + " matches, and the matcher is inverted" : "";
  return why.empty() ? "" : name + " " + why;
}

std::string WhyNotQuery(const routev3::QueryParameterMatcher& matcher, const Request& request) {
  const size_t question = request.path.find('?');
  std::string rest = question == std::string::npos ? "" : request.path.substr(question + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string item = rest.substr(0, end);
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
    const size_t equals = item.find('=');
    if (item.substr(0, equals) != matcher.name()) continue;
    const std::string value = equals == std::string::npos ? "" : item.substr(equals + 1);
    if (!matcher.has_string_match()) return "";
    const std::string why = WhyNotText(matcher.string_match(), value);
    return why.empty() ? "" : "query parameter " + matcher.name() + " " + why;
  }
  return "query parameter " + matcher.name() + " is missing";
}

}  // namespace

DomainMatch MatchDomain(const routev3::RouteConfiguration& routes, const Request& request) {
  const std::string host = Lower(request.host);
  DomainMatch best;
  // Rank by kind, then by length: exact 3, suffix 2, prefix 1, all 0.
  std::pair<int, size_t> rank{-1, 0};
  for (int i = 0; i < routes.virtual_hosts_size(); ++i) {
    for (const std::string& domain : routes.virtual_hosts(i).domains()) {
      const std::string name = Lower(domain);
      std::pair<int, size_t> candidate{-1, name.size()};
      if (name == "*") {
        candidate.first = 0;
      } else if (name.starts_with('*')) {
        if (host.size() >= name.size() && host.ends_with(name.substr(1))) candidate.first = 2;
      } else if (name.ends_with('*')) {
        if (host.size() >= name.size() && host.starts_with(name.substr(0, name.size() - 1))) candidate.first = 1;
      } else if (name == host) {
        candidate.first = 3;
      }
      if (candidate.first < 0 || candidate <= rank) continue;
      rank = candidate;
      best = {i, domain};
    }
  }
  return best;
}

std::string WhyNot(const routev3::Route& route, const Request& request) {
  if (std::string why = WhyNotPath(route.match(), request); !why.empty()) return why;
  for (const auto& matcher : route.match().headers()) {
    if (std::string why = WhyNotHeader(matcher, request); !why.empty()) return why;
  }
  for (const auto& matcher : route.match().query_parameters()) {
    if (std::string why = WhyNotQuery(matcher, request); !why.empty()) return why;
  }
  return "";
}

}  // namespace k8sgw::explain
