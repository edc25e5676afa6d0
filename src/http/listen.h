// A TCP socket that listens.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace k8sgw::http {

// "0.0.0.0:8443", "[::]:9976", "localhost:0"; "[::]" takes IPv4, too, and nothing else where the kernel has no IPv6.
// Returns the socket, which does not block. Errors name the address, and what is wrong: it is none, or cannot be had.
absl::StatusOr<int> Listen(const std::string& address);

// The port that a socket is bound to.
int PortOf(int fd);

}  // namespace k8sgw::http
