#include "src/gateway/matchers.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <string_view>

#include "api/gloo/v1/matchers.proto.h"

namespace k8sgw::gateway {
namespace {

using matchersv1::Matcher;

bool SameHeader(const matchersv1::HeaderMatcher& a, const matchersv1::HeaderMatcher& b) {
  return a.name() == b.name() && a.value() == b.value() && a.regex() == b.regex() &&
         a.invert_match() == b.invert_match();
}

bool SameParameter(const matchersv1::QueryParameterMatcher& a, const matchersv1::QueryParameterMatcher& b) {
  return a.name() == b.name() && a.value() == b.value() && a.regex() == b.regex();
}

// As published, unset is a value of its own.
std::string_view CaseText(const Matcher& matcher) {
  if (!matcher.has_case_sensitive()) return "unset";
  return matcher.case_sensitive().value() ? "true" : "false";
}

std::string_view PathField(const Matcher& matcher) {
  switch (matcher.path_specifier_case()) {
    case Matcher::kPrefix: return "prefix";
    case Matcher::kExact: return "exact";
    case Matcher::kRegex: return "regex";
    case Matcher::kConnectMatcher: return "connectMatcher";
    case Matcher::PATH_SPECIFIER_NOT_SET: break;
  }
  return "";
}

// The first of `wanted` that is not among `given`, or nullptr.
template <class List, class Same>
const typename List::value_type* FirstMissing(const List& wanted, const List& given, Same same) {
  for (const auto& item : wanted) {
    if (std::none_of(given.begin(), given.end(), [&](const auto& other) { return same(item, other); })) return &item;
  }
  return nullptr;
}

std::optional<MatcherProblem> Compare(const Matcher& parent, const Matcher& child) {
  const auto problem = [](std::string_view field, std::string message, std::string fix) {
    return MatcherProblem{0, std::string(field), std::move(message), std::move(fix)};
  };
  if (!PathText(child).starts_with(parent.prefix())) {
    return problem(PathField(child),
                   "the path \"" + PathText(child) + "\" does not begin with \"" + parent.prefix() + "\"",
                   "begin it with that prefix, or set inheritablePathMatchers");
  }
  if (CaseText(parent) != CaseText(child)) {
    return problem("caseSensitive",
                   "is " + std::string(CaseText(child)) + " instead of " + std::string(CaseText(parent)),
                   "make both the same, or set inheritablePathMatchers");
  }
  if (const auto* header = FirstMissing(parent.headers(), child.headers(), SameHeader)) {
    return problem("headers", "lacks the very same matcher for header \"" + header->name() + "\"",
                   "repeat it, or set inheritableMatchers");
  }
  if (const auto* parameter = FirstMissing(parent.query_parameters(), child.query_parameters(), SameParameter)) {
    return problem("queryParameters", "lacks the very same matcher for query parameter \"" + parameter->name() + "\"",
                   "repeat it, or set inheritableMatchers");
  }
  for (const std::string& method : parent.methods()) {
    if (std::find(child.methods().begin(), child.methods().end(), method) != child.methods().end()) continue;
    return problem("methods", "lacks the method \"" + method + "\"", "add it, or set inheritableMatchers");
  }
  return std::nullopt;
}

template <class List>
void Prepend(const List& first, List& list) {
  if (first.empty()) return;
  List joined = first;
  joined.MergeFrom(list);
  list.Swap(&joined);
}

}  // namespace

const Matcher& DefaultMatcher() {
  static const Matcher* matcher = [] {
    auto* all = new Matcher;
    all->set_prefix("/");
    return all;
  }();
  return *matcher;
}

const std::string& PathText(const Matcher& matcher) {
  static const std::string* none = new std::string;
  switch (matcher.path_specifier_case()) {
    case Matcher::kPrefix: return matcher.prefix();
    case Matcher::kExact: return matcher.exact();
    case Matcher::kRegex: return matcher.regex();
    case Matcher::kConnectMatcher:
    case Matcher::PATH_SPECIFIER_NOT_SET: break;
  }
  return *none;
}

void InheritPath(const Matcher& parent, Matchers& matchers) {
  if (matchers.empty()) matchers.Add();
  for (Matcher& matcher : matchers) {
    matcher.set_prefix(parent.prefix());
    matcher.clear_case_sensitive();
    if (parent.has_case_sensitive()) *matcher.mutable_case_sensitive() = parent.case_sensitive();
  }
}

void InheritConditions(const Matcher& parent, Matchers& matchers) {
  for (Matcher& matcher : matchers) {
    Prepend(parent.headers(), *matcher.mutable_headers());
    Prepend(parent.methods(), *matcher.mutable_methods());
    Prepend(parent.query_parameters(), *matcher.mutable_query_parameters());
  }
}

std::optional<MatcherProblem> FindMismatch(const Matcher& parent, const Matchers& child) {
  for (int i = 0; i < child.size(); ++i) {
    if (auto problem = Compare(parent, child[i])) {
      problem->index = i;
      return problem;
    }
  }
  return std::nullopt;
}

std::optional<MatcherProblem> CheckDelegating(const Matchers& matchers) {
  if (matchers.size() > 1) {
    return MatcherProblem{1, "", "a route that delegates has one matcher at most",
                          "write a delegating route for each matcher"};
  }
  if (matchers.empty() || matchers[0].path_specifier_case() == Matcher::PATH_SPECIFIER_NOT_SET) return std::nullopt;
  if (!matchers[0].prefix().empty()) return std::nullopt;
  return MatcherProblem{0, std::string(PathField(matchers[0])), "a route that delegates must match by prefix",
                        "use prefix, such as \"/\""};
}

const Matcher& DelegatingMatcher(const Matchers& matchers) {
  if (matchers.empty() || matchers[0].path_specifier_case() == Matcher::PATH_SPECIFIER_NOT_SET) {
    return DefaultMatcher();
  }
  return matchers[0];
}

bool DropsConditions(const Matchers& matchers) {
  if (matchers.empty() || matchers[0].path_specifier_case() != Matcher::PATH_SPECIFIER_NOT_SET) return false;
  const Matcher& matcher = matchers[0];
  return matcher.has_case_sensitive() || !matcher.headers().empty() || !matcher.query_parameters().empty() ||
         !matcher.methods().empty();
}

}  // namespace k8sgw::gateway
