#include "src/gateway/regex_check.h"

#include <re2/re2.h>

namespace k8sgw::gateway {

std::string CheckRegex(std::string_view regex, std::optional<uint32_t> max_program_size) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 re(re2::StringPiece(regex.data(), regex.size()), options);
  if (!re.ok()) return "regex \"" + std::string(regex) + "\" is invalid: " + re.error();
  if (!max_program_size || re.ProgramSize() <= static_cast<int64_t>(*max_program_size)) return "";
  return "regex \"" + std::string(regex) + "\" compiles to a program of size " + std::to_string(re.ProgramSize()) +
         ", more than Settings' regexMaxProgramSize of " + std::to_string(*max_program_size);
}

}  // namespace k8sgw::gateway
