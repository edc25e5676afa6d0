// Regular expressions, checked by RE2, which is what Envoy runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace k8sgw {

// What Settings say in an installation by the published chart, and what counts without Settings.
inline constexpr uint32_t kDefaultMaxProgramSize = 1024;
// Above this size of a program, Envoy refuses the whole resource unless the regex brings another limit.
inline constexpr uint32_t kEnvoyMaxProgramSize = 100;

// What is wrong and how to mend it; both empty when nothing is.
struct RegexProblem {
  std::string message;
  std::string fix;

  bool empty() const { return message.empty(); }
};

// RE2 must accept `regex`, with a program (see RE2::ProgramSize) that is not larger than `max_program_size`. The size
// is written to `program_size` if that is given.
RegexProblem CheckRegex(std::string_view regex, uint32_t max_program_size, uint32_t* program_size = nullptr);

// `substitution` must not name more groups than `regex` has. A regex that is wrong is no fault here.
RegexProblem CheckSubstitution(std::string_view regex, std::string_view substitution);

}  // namespace k8sgw
