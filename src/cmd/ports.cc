#include "src/cmd/ports.h"

#include <fmt/core.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace k8sgw {

absl::StatusOr<HostPort> ParseHostPort(const std::string& text) {
  const auto refused = [&](const std::string& why) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is not HOST:PORT, such as localhost:9000: {}", text, why));
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
