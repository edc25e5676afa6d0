// What plain (unquoted) scalars mean. The rules are those of kubectl and of every tool that is built on the same Go
// library, so that a file means here what it means there: YAML 1.2's core schema, and of YAML 1.1 the words yes, no,
// on, off, y and n, and octal numbers with a leading zero. Keys of mappings are always text.
#pragma once

#include <optional>
#include <string_view>

namespace k8sgw::yaml {

enum class ScalarType { kNull, kBool, kInt, kFloat, kString };

// The meaning of a plain scalar with this text.
ScalarType ClassifyPlain(std::string_view text);

// "true", "Yes", "on" … and their opposites; nullopt for anything else.
std::optional<bool> ParseBool(std::string_view text);

// A number of any notation ("-5", "0x1F", "0o17", "017", "1_000", "1.5e3", ".inf", ".nan"), or nullopt.
std::optional<double> ParseNumber(std::string_view text);

// An integer split into sign and magnitude, so that both int64 and uint64 fit.
struct Integer {
  bool negative = false;
  unsigned long long magnitude = 0;
};
// An integer of any notation, or a decimal fraction with an integral value ("3.0", "1e3"). nullopt when it is no
// integer or does not fit into 64 bits.
std::optional<Integer> ParseInteger(std::string_view text);

// True when a string with this text must be quoted so that no YAML reader takes it for another type: everything that
// is no string here, and what other readers resolve (dates, base-60 numbers, "<<", "=").
bool LooksTyped(std::string_view text);

}  // namespace k8sgw::yaml
