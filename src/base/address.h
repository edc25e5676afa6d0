// Addresses as users write them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace k8sgw {

// IPv4 or IPv6; otherwise it can only be a name.
bool IsIpAddress(const std::string& text);

// Of an IP address its one shortest text ("::" for "0:0::0"); other text as it is.
std::string NormalAddress(const std::string& text);

// "127.0.0.1:80", "[::1]:80".
std::string HostAndPort(const std::string& host, uint32_t port);

// What a port listens on when nobody says where: all addresses of both families, and of IPv4 alone where the kernel has
// no IPv6. http::Listen and gRPC both take it so. "0.0.0.0", which only users write, is IPv4 alone.
inline constexpr char kAnyHost[] = "[::]";
// "[::]:80".
std::string AnyAddress(int port);

struct HostPort {
  std::string host;
  int port = 0;
};

// "localhost:9000", "10.0.0.1:80", "[::1]:80". Errors say what is wrong with the text.
absl::StatusOr<HostPort> ParseHostPort(const std::string& text);

}  // namespace k8sgw
