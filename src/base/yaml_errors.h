// What the YAML parser refuses, said so that the author of the file can mend it. Internal to yaml.cc.
#pragma once

#include <yaml.h>

#include <optional>
#include <string>
#include <string_view>

#include "src/base/yaml.h"

namespace k8sgw::yaml {

// Checks the characters before parsing: UTF-8 only, no control characters. nullopt when all are fine.
std::optional<Error> CheckText(std::string_view text);

// JSON may write one character as two \u escapes (surrogates), which the parser does not know. Returns the text with
// such pairs joined; "" when nothing had to change. Touches only texts that begin like JSON.
std::string JoinSurrogates(std::string_view text);

// The words for the error that stopped `parser` on `text`.
Error ExplainParserError(const yaml_parser_t& parser, std::string_view text);

// The words for a tag that is not of the core schema.
std::string ExplainTag(std::string_view tag);

}  // namespace k8sgw::yaml
