#include "src/envoy/matcher.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <cctype>

#include "api/gloo/v1/matchers.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "src/envoy/header_check.h"
#include "src/envoy/path_check.h"
#include "src/envoy/regex.h"

namespace k8sgw::envoy {
namespace {

using ::envoy::config::route::v3::RouteMatch;
using ::envoy::type::matcher::v3::StringMatcher;

constexpr size_t kMaxParameterBytes = 1024;

void CheckPathAt(std::string_view field, const std::string& path, Reporter& report) {
  if (std::string problem = CheckPath(path); !problem.empty())
    report.Error(field, std::move(problem), "write the path as a client sends it, with %XX for other characters");
}

void TranslatePath(const matchersv1::Matcher& matcher, Reporter& report, RouteMatch& out) {
  switch (matcher.path_specifier_case()) {
    case matchersv1::Matcher::kPrefix:
      CheckPathAt("prefix", matcher.prefix(), report);
      out.set_prefix(matcher.prefix());
      break;
    case matchersv1::Matcher::kExact:
      CheckPathAt("exact", matcher.exact(), report);
      out.set_path(matcher.exact());
      break;
    case matchersv1::Matcher::kRegex:
      TranslateRegex("regex", matcher.regex(), report, *out.mutable_safe_regex());
      break;
    case matchersv1::Matcher::kConnectMatcher: out.mutable_connect_matcher(); break;
    case matchersv1::Matcher::PATH_SPECIFIER_NOT_SET:
      report.Error("", "the matcher has no path", "add prefix, exact, regex or connectMatcher");
      break;
  }
  if (matcher.has_case_sensitive()) out.mutable_case_sensitive()->set_value(matcher.case_sensitive().value());
}

void MatchText(const std::string& value, bool regex, const std::string& field, Reporter& report, StringMatcher& out) {
  if (regex) {
    TranslateRegex(field, value, report, *out.mutable_safe_regex());
  } else {
    out.set_exact(value);
  }
}

// Methods are published as one regex, so `A|B` and `.*` inside an entry work; the common case is a plain name, which
// Envoy compares faster.
void TranslateMethods(const matchersv1::Matcher& matcher, Reporter& report, RouteMatch& out) {
  if (matcher.methods().empty()) return;
  auto& header = *out.add_headers();
  header.set_name(":method");
  const auto is_plain = [](const std::string& method) {
    return !method.empty() && std::all_of(method.begin(), method.end(),
                                          [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
  };
  if (matcher.methods_size() == 1 && is_plain(matcher.methods(0))) {
    header.mutable_string_match()->set_exact(matcher.methods(0));
    return;
  }
  std::string regex;
  for (const std::string& method : matcher.methods()) regex += (regex.empty() ? "" : "|") + method;
  TranslateRegex("methods", regex, report, *header.mutable_string_match()->mutable_safe_regex());
}

}  // namespace

void TranslateMatcher(const matchersv1::Matcher& matcher, Reporter& report, RouteMatch& out) {
  TranslatePath(matcher, report, out);
  for (int i = 0; i < matcher.headers_size(); ++i) {
    const auto& in = matcher.headers(i);
    const std::string field = "headers[" + std::to_string(i) + "]";
    if (in.name().empty()) report.Error(field + ".name", "the header has no name", "write its name");
    if (std::string problem = CheckHeaderValue(in.name()); !problem.empty()) {
      report.Error(field + ".name", std::move(problem), kHeaderNameFix);
    }
    auto& header = *out.add_headers();
    header.set_name(in.name());
    if (in.value().empty()) {
      header.set_present_match(true);
    } else {
      MatchText(in.value(), in.regex(), field + ".value", report, *header.mutable_string_match());
    }
    header.set_invert_match(in.invert_match());
  }
  TranslateMethods(matcher, report, out);
  for (int i = 0; i < matcher.query_parameters_size(); ++i) {
    const auto& in = matcher.query_parameters(i);
    const std::string field = "queryParameters[" + std::to_string(i) + "]";
    if (in.name().empty()) report.Error(field + ".name", "the query parameter has no name", "write its name");
    if (in.name().size() > kMaxParameterBytes) {
      report.Error(field + ".name", "is longer than 1024 bytes", "use a shorter name");
    }
    auto& parameter = *out.add_query_parameters();
    parameter.set_name(in.name());
    if (in.value().empty()) {
      parameter.set_present_match(true);
    } else {
      MatchText(in.value(), in.regex(), field + ".value", report, *parameter.mutable_string_match());
    }
  }
}

}  // namespace k8sgw::envoy
