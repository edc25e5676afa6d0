#include "src/base/address.h"

#include <arpa/inet.h>

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

}  // namespace k8sgw
