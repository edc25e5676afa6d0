// Envoy's format strings, such as "%REQ(:METHOD)% %RESPONSE_CODE%": access logs and header values are written in them.
#pragma once

#include <string>
#include <string_view>

namespace k8sgw::envoy {

// "" when Envoy accepts `format`, else what is wrong with it and at which character. What stands in parentheses is
// checked where its form is fixed: header names, for example, but not CEL expressions.
std::string CheckFormat(std::string_view format);
inline constexpr char kFormatFix[] = "mend the operator, or write %% for a percent sign";

// Whether `format` holds the operator `name`.
bool UsesOperator(std::string_view format, std::string_view name);

}  // namespace k8sgw::envoy
