#include "src/base/address.h"

#include <arpa/inet.h>

#include <charconv>

#include "src/base/text.h"

namespace k8sgw {

bool IsIpAddress(const std::string& text) {
  in6_addr out;
  return inet_pton(AF_INET, text.c_str(), &out) == 1 || inet_pton(AF_INET6, text.c_str(), &out) == 1;
}

std::string NormalAddress(const std::string& text) {
  in6_addr address;
  char out[INET6_ADDRSTRLEN];
  return inet_pton(AF_INET6, text.c_str(), &address) == 1 ? inet_ntop(AF_INET6, &address, out, sizeof(out)) : text;
}

std::string HostAndPort(const std::string& host, uint32_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string AnyAddress(int port) { return Cat(kAnyHost, ":", port); }

absl::StatusOr<HostPort> ParseHostPort(const std::string& text) {
  const auto refused = [&](const std::string& why) {
    return absl::InvalidArgumentError(Cat("\"", text, "\" is not HOST:PORT, such as localhost:9000: ", why));
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return refused("it has no port");
  HostPort out{text.substr(0, colon), 0};
  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
  } else if (out.host.find_first_of(":/") != std::string::npos) {
    return refused(out.host.find("//") == std::string::npos ? "IPv6 addresses stand in brackets" : "it is no URL");
  }
  if (out.host.empty()) return refused("it has no host");
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, out.port);
  if (error != std::errc() || rest != end || out.port < 1 || out.port > 65535)
    return refused("the port must be 1 to 65535");
  return out;
}

}  // namespace k8sgw
