#include "src/envoy/regex.h"

#include <google/protobuf/wrappers.pb.h>

#include <limits>
#include <utility>

#include "envoy/type/matcher/v3/regex.proto.h"
#include "src/base/regex.h"

namespace k8sgw::envoy {
namespace {

constexpr uint32_t kNoLimit = std::numeric_limits<uint32_t>::max();

}  // namespace

void TranslateRegex(std::string_view field, const std::string& regex, Reporter& report,
                    ::envoy::type::matcher::v3::RegexMatcher& out) {
  uint32_t size = 0;
  if (regex.empty()) report.Error(field, "the regex is empty", "write the regex that must match");
  RegexProblem problem = CheckRegex(regex, kNoLimit, &size);
  if (!problem.empty()) report.Error(field, std::move(problem.message), std::move(problem.fix));
  out.set_regex(regex);
  // Envoy's RE2 may count a little differently.
  if (size > kEnvoyMaxProgramSize / 2) out.mutable_google_re2()->mutable_max_program_size()->set_value(kNoLimit);
}

void TranslateSubstitution(std::string_view field, const std::string& regex, const std::string& substitution,
                           Reporter& report, ::envoy::type::matcher::v3::RegexMatchAndSubstitute& out) {
  const std::string pattern = JoinPath(field, "pattern.regex");
  TranslateRegex(pattern, regex, report, *out.mutable_pattern());
  if (RegexProblem problem = CheckSubstitution(regex, substitution); !problem.empty()) {
    report.Error(JoinPath(field, "substitution"), std::move(problem.message), std::move(problem.fix));
  }
  out.set_substitution(substitution);
}

}  // namespace k8sgw::envoy
