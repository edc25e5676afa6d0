#include "plugins/headers/header_check.h"

#include <algorithm>
#include <cctype>

namespace k8sgw::plugins::headers {
namespace {

constexpr size_t kMaxBytes = 16384;

bool IsTokenCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

std::string CheckHeaderName(std::string_view name) {
  if (name.empty()) return "the name of the header is missing";
  if (name.size() > kMaxBytes) return "the name of the header is longer than 16384 bytes";
  if (!std::all_of(name.begin(), name.end(), IsTokenCharacter)) {
    return "\"" + std::string(name) + "\" is no name of a header";
  }
  return "";
}

std::string CheckHeaderValue(std::string_view value) {
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return "holds a line break or a NUL byte";
  }
  return value.size() > kMaxBytes ? "is longer than 16384 bytes" : "";
}

}  // namespace k8sgw::plugins::headers
