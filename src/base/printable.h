// Any text as a part of a line, or of JSON.
#pragma once

#include <string>
#include <string_view>

namespace k8sgw {

// The text on one line: control characters as escapes (\n, \t, \x1b), and bytes that are not UTF-8 as \xff.
std::string Printable(std::string_view text);

// The text as the inside of a JSON string; bytes that are not UTF-8 become U+FFFD.
std::string JsonEscaped(std::string_view text);

}  // namespace k8sgw
