#include "src/bootstrap/go_string.h"

#include <charconv>
#include <cstdint>

namespace k8sgw::bootstrap {
namespace {

constexpr std::string_view kLetters = "abfnrtv\\\"";
constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"";
constexpr uint32_t kLastCharacter = 0x10FFFF;

void AppendUtf8(uint32_t c, std::string& out) {
  const auto more = [&](int shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    more(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    more(6);
    more(0);
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    more(12);
    more(6);
    more(0);
  }
}

// Digits of a number, taken off the text.
std::optional<uint32_t> TakeNumber(std::string_view& text, size_t digits, int base) {
  if (text.size() < digits) return std::nullopt;
  uint32_t value = 0;
  const char* end = text.data() + digits;
  const auto [stopped, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stopped != end) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

// What stands behind a backslash.
bool TakeEscape(std::string_view& text, std::string& out) {
  const char letter = text.front();
  if (const size_t at = kLetters.find(letter); at != std::string_view::npos) {
    text.remove_prefix(1);
    out += kMeanings[at];
    return true;
  }
  const bool octal = letter >= '0' && letter <= '7';
  if (!octal) text.remove_prefix(1);
  std::optional<uint32_t> value;
  if (octal) value = TakeNumber(text, 3, 8);
  if (letter == 'x') value = TakeNumber(text, 2, 16);
  if (letter == 'u') value = TakeNumber(text, 4, 16);
  if (letter == 'U') value = TakeNumber(text, 8, 16);
  if (!value) return false;
  if (octal || letter == 'x') {
    // A byte, not a character.
    if (*value > 0xFF) return false;
    out += static_cast<char>(*value);
    return true;
  }
  if (*value > kLastCharacter || (*value >= 0xD800 && *value < 0xE000)) return false;
  AppendUtf8(*value, out);
  return true;
}

}  // namespace

std::optional<std::string> TakeString(std::string_view& text) {
  if (text.empty() || (text.front() != '"' && text.front() != '`')) return std::nullopt;
  std::string_view rest = text.substr(1);
  std::string out;
  if (text.front() == '`') {
    const size_t end = rest.find('`');
    if (end == std::string_view::npos) return std::nullopt;
    text = rest.substr(end + 1);
    return std::string(rest.substr(0, end));
  }
  while (!rest.empty() && rest.front() != '"') {
    const char c = rest.front();
    if (c == '\n') return std::nullopt;
    rest.remove_prefix(1);
    if (c != '\\') {
      out += c;
    } else if (rest.empty() || !TakeEscape(rest, out)) {
      return std::nullopt;
    }
  }
  if (rest.empty()) return std::nullopt;
  text = rest.substr(1);
  return out;
}

}  // namespace k8sgw::bootstrap
