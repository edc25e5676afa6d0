#include "src/envoy/regex.h"

#include <re2/re2.h>

namespace k8sgw::envoy {
namespace {

// Envoy refuses it.
constexpr char kEmpty[] = "the regex is empty";

RE2::Options Quiet() {
  RE2::Options options;
  options.set_log_errors(false);
  return options;
}

}  // namespace

std::string CheckRegex(std::string_view regex) {
  if (regex.empty()) return kEmpty;
  const RE2 re(re2::StringPiece(regex.data(), regex.size()), Quiet());
  return re.ok() ? "" : "regex \"" + std::string(regex) + "\" is invalid: " + re.error();
}

std::string CheckRewrite(std::string_view regex, std::string_view substitution) {
  if (regex.empty()) return kEmpty;
  const RE2 re(re2::StringPiece(regex.data(), regex.size()), Quiet());
  if (!re.ok()) return "regex \"" + std::string(regex) + "\" is invalid: " + re.error();
  std::string error;
  if (!re.CheckRewriteString(re2::StringPiece(substitution.data(), substitution.size()), &error)) {
    return "substitution \"" + std::string(substitution) + "\" does not fit the regex: " + error;
  }
  return "";
}

}  // namespace k8sgw::envoy
