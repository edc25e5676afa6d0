#include "src/cmd/ports.h"

#include <fmt/core.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace k8sgw {

absl::Status CheckPortFree(const std::string& address, int port, const std::string& what) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  // Addresses that are none are somebody else's to complain about.
  if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return absl::OkStatus();
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  int error = 0;
  if (fd >= 0) {
    // As Envoy does: what is left of closed connections does not count.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0) error = errno;
    close(fd);
  }
  freeaddrinfo(found);
  if (error == EADDRINUSE) {
    return absl::UnavailableError(fmt::format(
        "port {} on {} ({}) is in use by another process: end it, or choose another port", port, address, what));
  }
  if (error == EACCES) {
    return absl::PermissionDeniedError(
        fmt::format("port {} on {} ({}) needs rights that this user lacks: choose 1024 or more", port, address, what));
  }
  if (error != 0)
    return absl::UnavailableError(
        fmt::format("port {} on {} ({}) cannot be used: {}", port, address, what, std::strerror(error)));
  return absl::OkStatus();
}

}  // namespace k8sgw
