// Addresses and ports of the command line.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace k8sgw {

struct HostPort {
  std::string host;
  int port = 0;
};

// "localhost:9000", "10.0.0.1:80", "[::1]:80". Errors say what is wrong with the text.
absl::StatusOr<HostPort> ParseHostPort(const std::string& text);

// Errors: the address is in use, or may not be used; the text names `what`, address and mend.
absl::Status CheckPortFree(const std::string& address, int port, const std::string& what);

}  // namespace k8sgw
