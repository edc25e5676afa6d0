// The log of `run` and `gloo`, on stderr: one line a message, whatever is in it.
#pragma once

#include <string>
#include <string_view>

#include "src/cmd/commands.h"

namespace k8sgw {

void SetUpLog(const LogOptions& options);

// A line of Envoy's log, "<level> <component> <words>", with its own level.
void LogEnvoyLine(std::string_view line);

// The text on one line: control characters as escapes (\n, \t, \x1b), and bytes that are not UTF-8 as \xff.
std::string Printable(std::string_view text);

// The text as the inside of a JSON string; bytes that are not UTF-8 become U+FFFD.
std::string JsonEscaped(std::string_view text);

}  // namespace k8sgw
