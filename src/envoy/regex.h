// Regular expressions, checked by the engine that Envoy uses.
#pragma once

#include <string>
#include <string_view>

namespace k8sgw::envoy {

// "" when `regex` is not empty and RE2 accepts it (and the groups in `substitution`), else what is wrong.
std::string CheckRegex(std::string_view regex);
// How to mend what it does not accept.
inline constexpr char kRegexFix[] = "use RE2 syntax: https://github.com/google/re2/wiki/Syntax";
std::string CheckRewrite(std::string_view regex, std::string_view substitution);

}  // namespace k8sgw::envoy
