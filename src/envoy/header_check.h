// The rules of Envoy for names and values of headers: one value that breaks them makes it refuse the whole
// configuration.
#pragma once

#include <string>
#include <string_view>

#include "src/envoy/reporter.h"

namespace k8sgw::envoy {

// "" when `name` can be the name of a header (a token of RFC 9110), else what is wrong.
std::string CheckHeaderName(std::string_view name);
inline constexpr char kHeaderNameFix[] = "use letters, digits and \"-\"";

// "" when `value` can stand in a header, else what is wrong: a line break, a NUL byte, or more than 16384 bytes.
std::string CheckHeaderValue(std::string_view value);
inline constexpr char kHeaderValueFix[] = "remove it";

// Reports a name that no header has, or of a header that other parts of Envoy rely on: it refuses to change these,
// and `instead` says what can be done.
void CheckChangedHeader(const std::string& name, std::string_view field, Reporter& report,
                        std::string_view instead = "use the rewrites of routes for the path and the host");
// Reports a value that is no format (see format_check.h), or has an operator that headers do not know.
void CheckHeaderFormat(const std::string& value, std::string_view field, Reporter& report);

}  // namespace k8sgw::envoy
