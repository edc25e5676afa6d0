#include "src/base/printable.h"

#include <cstdint>

#include "src/base/utf8.h"

namespace k8sgw {
namespace {

std::string Hex(unsigned char byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  return {kDigits[byte >> 4], kDigits[byte & 15]};
}

// Calls `plain` with characters that may stand as they are, `control` with those that may command a terminal, and
// `broken` with bytes that are not UTF-8.
template <class Plain, class Control, class Broken>
void ForEachCharacter(std::string_view text, const Plain& plain, const Control& control, const Broken& broken) {
  while (!text.empty()) {
    uint32_t code = 0;
    const size_t size = DecodeUtf8(text, &code);
    if (size == 0) {
      broken(static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
      control(static_cast<unsigned char>(code));
    } else {
      plain(text.substr(0, size));
    }
    text.remove_prefix(size);
  }
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const auto hex = [&](unsigned char byte) { out += "\\x" + Hex(byte); };
  const auto control = [&](unsigned char byte) {
    switch (byte) {
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: hex(byte);
    }
  };
  ForEachCharacter(text, [&](std::string_view character) { out += character; }, control, hex);
  return out;
}

std::string JsonEscaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const auto plain = [&](std::string_view character) {
    if (character == "\"" || character == "\\") out += '\\';
    out += character;
  };
  ForEachCharacter(
      text, plain, [&](unsigned char byte) { out += "\\u00" + Hex(byte); },
      [&](unsigned char) { out += "\xEF\xBF\xBD"; });
  return out;
}

}  // namespace k8sgw
