#include "src/envoy/path_check.h"

#include <array>
#include <cctype>

namespace k8sgw::envoy {
namespace {

constexpr std::array<std::string_view, 6> kForbidden = {"//", "/./", "/../", "%2f", "%2F", "#"};
constexpr std::array<std::string_view, 2> kForbiddenEnds = {"/..", "/."};

bool IsPathCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("/:@._~!$&'()*+,=;-").find(c) != std::string_view::npos;
}

bool IsHexDigit(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

}  // namespace

std::string CheckPath(std::string_view path) {
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' && i + 2 < path.size() && IsHexDigit(path[i + 1]) && IsHexDigit(path[i + 2])) {
      i += 2;
    } else if (path[i] != '#' && !IsPathCharacter(path[i])) {
      return "path \"" + std::string(path) + "\" holds a character that may not stand in a path (at byte " +
             std::to_string(i + 1) + ")";
    }
  }
  for (std::string_view sequence : kForbidden) {
    if (path.find(sequence) != std::string_view::npos) {
      return "path \"" + std::string(path) + "\" may not contain \"" + std::string(sequence) + "\"";
    }
  }
  for (std::string_view end : kForbiddenEnds) {
    if (path.ends_with(end)) {
      return "path \"" + std::string(path) + "\" may not end with \"" + std::string(end) + "\"";
    }
  }
  return "";
}

std::string CheckPrefixRewrite(std::string_view rewrite) {
  // What stands before the path when the rewrite is a whole URL, and what stands after it, is not part of the path.
  if (const size_t scheme = rewrite.find("://"); scheme != std::string_view::npos) {
    const size_t slash = rewrite.find('/', scheme + 3);
    rewrite = slash == std::string_view::npos ? "" : rewrite.substr(slash);
  }
  return CheckPath(rewrite.substr(0, rewrite.find_first_of("?#")));
}

}  // namespace k8sgw::envoy
