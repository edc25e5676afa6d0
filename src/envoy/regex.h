// Regular expressions of users as Envoy wants them.
#pragma once

#include <string>
#include <string_view>

#include "src/envoy/reporter.h"

namespace envoy::type::matcher::v3 {
class RegexMatcher;
class RegexMatchAndSubstitute;
}  // namespace envoy::type::matcher::v3

namespace k8sgw::envoy {

// Sets the regex, and reports at `field` what RE2 does not accept, and an empty one, which Envoy does not. Envoy takes
// programs of up to 100 unless the regex says otherwise, so a larger one says so.
void TranslateRegex(std::string_view field, const std::string& regex, Reporter& report,
                    ::envoy::type::matcher::v3::RegexMatcher& out);

// The same of a regex and what takes the place of its matches: reports at `field`.pattern.regex and
// `field`.substitution.
void TranslateSubstitution(std::string_view field, const std::string& regex, const std::string& substitution,
                           Reporter& report, ::envoy::type::matcher::v3::RegexMatchAndSubstitute& out);

}  // namespace k8sgw::envoy
