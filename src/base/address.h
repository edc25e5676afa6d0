// Addresses as users write them.
#pragma once

#include <cstdint>
#include <string>

namespace k8sgw {

// IPv4 or IPv6; otherwise it can only be a name.
bool IsIpAddress(const std::string& text);

// Of an IP address its one shortest text ("::" for "0:0::0"); other text as it is.
std::string NormalAddress(const std::string& text);

// "127.0.0.1:80", "[::1]:80".
std::string HostAndPort(const std::string& host, uint32_t port);

}  // namespace k8sgw
