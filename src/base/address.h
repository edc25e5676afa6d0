// Addresses as users write them.
#pragma once

#include <cstdint>
#include <string>

namespace k8sgw {

// "127.0.0.1:80", "[::1]:80".
inline std::string HostAndPort(const std::string& host, uint32_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace k8sgw
