// The rules of Envoy for names and values of headers: one value that breaks them makes it refuse the whole
// configuration.
#pragma once

#include <string>
#include <string_view>

namespace k8sgw::plugins::headers {

// "" when `name` can be the name of a header (a token of RFC 9110), else what is wrong.
std::string CheckHeaderName(std::string_view name);
inline constexpr char kHeaderNameFix[] = "use letters, digits and \"-\"";

// "" when `value` can stand in a header, else what is wrong: a line break, a NUL byte, or more than 16384 bytes.
std::string CheckHeaderValue(std::string_view value);
inline constexpr char kHeaderValueFix[] = "remove it";

}  // namespace k8sgw::plugins::headers
