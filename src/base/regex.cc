#include "src/base/regex.h"

#include <re2/re2.h>

#include "src/base/text.h"

namespace k8sgw {
namespace {

constexpr size_t kShown = 80;

RE2 Compile(std::string_view regex) {
  RE2::Options options;
  options.set_log_errors(false);
  return RE2(re2::StringPiece(regex.data(), regex.size()), options);
}

std::string Shown(std::string_view regex) {
  return regex.size() <= kShown ? std::string(regex) : Cat(regex.substr(0, kShown), "…");
}

}  // namespace

RegexProblem CheckRegex(std::string_view regex, uint32_t max_program_size, uint32_t* program_size) {
  const RE2 re = Compile(regex);
  if (!re.ok()) {
    return {Cat("regex \"", Shown(regex), "\" is invalid: ", Shown(re.error())),
            "use RE2 syntax: https://github.com/google/re2/wiki/Syntax"};
  }
  const auto size = static_cast<uint32_t>(re.ProgramSize());
  if (program_size) *program_size = size;
  if (size <= max_program_size) return {};
  return {Cat("regex \"", Shown(regex), "\" compiles to a program of size ", size, ", and ", max_program_size,
              " is the most"),
          "make it shorter, or raise gloo.regexMaxProgramSize in Settings"};
}

RegexProblem CheckSubstitution(std::string_view regex, std::string_view substitution) {
  const RE2 re = Compile(regex);
  std::string error;
  if (!re.ok() || re.CheckRewriteString(re2::StringPiece(substitution.data(), substitution.size()), &error)) return {};
  // RE2 ends some of its sentences with a full stop.
  if (error.ends_with('.')) error.pop_back();
  return {Cat("substitution \"", Shown(substitution), "\" does not fit the regex: ", error),
          "write \\1 for the first group, and \\\\ for a backslash"};
}

}  // namespace k8sgw
