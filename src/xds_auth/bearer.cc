#include "src/xds_auth/bearer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "src/base/text.h"

namespace k8sgw::xds_auth {
namespace {

constexpr std::string_view kScheme = "bearer ";

absl::Status Refuse(std::string_view what, std::string_view audience) {
  return absl::UnauthenticatedError(Cat(
      what, ": send \"authorization: Bearer TOKEN\", with the token of a ServiceAccount for the audience ", audience));
}

bool IsJsonWebToken(std::string_view token) {
  const auto allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  return std::all_of(token.begin(), token.end(), allowed) && std::count(token.begin(), token.end(), '.') == 2 &&
         token.front() != '.' && token.back() != '.' && token.find("..") == token.npos;
}

}  // namespace

absl::StatusOr<std::string> ReadBearer(const std::vector<std::string>& authorization, std::string_view audience) {
  if (authorization.empty()) return Refuse("there is no token", audience);
  if (authorization.size() > 1) return Refuse("there is more than one authorization header", audience);
  std::string_view value = authorization.front();
  if (value.size() > kMostTokenBytes) return Refuse("the authorization header is too large", audience);
  if (!absl::EqualsIgnoreCase({value.data(), std::min(value.size(), kScheme.size())},
                              {kScheme.data(), kScheme.size()})) {
    return Refuse("the authorization header has no Bearer token", audience);
  }
  value.remove_prefix(kScheme.size());
  if (value.empty() || !IsJsonWebToken(value)) return Refuse("the token is not that of a ServiceAccount", audience);
  return std::string(value);
}

std::string Printable(std::string_view text, size_t most) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    if (out.size() >= most) return out + "...";
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isprint(byte) && c != '\\') {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

}  // namespace k8sgw::xds_auth
