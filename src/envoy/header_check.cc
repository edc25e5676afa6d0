#include "src/envoy/header_check.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/strings/match.h"
#include "src/envoy/format_check.h"

namespace k8sgw::envoy {
namespace {

constexpr size_t kMaxBytes = 16384;
constexpr char kNotInHeaders[] = "REQ_WITHOUT_QUERY";

bool IsTokenCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

std::string CheckHeaderName(std::string_view name) {
  if (name.empty()) return "the name of the header is missing";
  if (name.size() > kMaxBytes) return "the name of the header is longer than 16384 bytes";
  if (!std::all_of(name.begin(), name.end(), IsTokenCharacter)) {
    return "\"" + std::string(name) + "\" is no name of a header";
  }
  return "";
}

std::string CheckHeaderValue(std::string_view value) {
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return "holds a line break or a NUL byte";
  }
  return value.size() > kMaxBytes ? "is longer than 16384 bytes" : "";
}

void CheckChangedHeader(const std::string& name, std::string_view field, Reporter& report, std::string_view instead) {
  if (name.starts_with(':') || absl::EqualsIgnoreCase(name, "host")) {
    report.Error(field, "\"" + name + "\" cannot be changed here", std::string(instead));
  } else if (std::string problem = CheckHeaderName(name); !problem.empty()) {
    report.Error(field, std::move(problem), kHeaderNameFix);
  }
}

void CheckHeaderFormat(const std::string& value, std::string_view field, Reporter& report) {
  std::string problem = CheckFormat(value);
  if (problem.empty() && UsesOperator(value, kNotInHeaders)) {
    problem = "%" + std::string(kNotInHeaders) + "% is only for access logs";
  }
  if (!problem.empty()) report.Error(field, std::move(problem), kFormatFix);
}

}  // namespace k8sgw::envoy
