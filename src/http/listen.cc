#include "src/http/listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "src/base/address.h"
#include "src/base/text.h"

namespace k8sgw::http {
namespace {

// As many as the kernel lets wait; it may be told to let fewer.
constexpr int kBacklog = 1024;

// As ParseHostPort, but port 0 is one: any that is free.
absl::StatusOr<HostPort> ParsePlace(std::string address) {
  const bool any = address.ends_with(":0");
  if (any) address.back() = '1';
  absl::StatusOr<HostPort> place = ParseHostPort(address);
  if (any && place.ok()) place->port = 0;
  return place;
}

// The error, or 0.
int Bind(int fd, const addrinfo& info) {
  const int on = 1;
  const int off = 0;
  // What is left of closed connections does not count; who listens there does.
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (info.ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  // Inherited by connections: head and body of an answer are written apart, and must not wait for each other.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return bind(fd, info.ai_addr, info.ai_addrlen) == 0 && listen(fd, kBacklog) == 0 ? 0 : errno;
}

// The error of getaddrinfo as text, or the error of the kernel, or the socket.
struct Opened {
  std::string unknown;
  int error = 0;
  int fd = -1;
};

Opened Open(const HostPort& place) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int unknown = getaddrinfo(place.host.c_str(), std::to_string(place.port).c_str(), &hints, &found);
  if (unknown != 0) return {gai_strerror(unknown)};
  Opened opened;
  opened.fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  opened.error = opened.fd < 0 ? errno : Bind(opened.fd, *found);
  freeaddrinfo(found);
  if (opened.error != 0 && opened.fd >= 0) close(opened.fd);
  return opened;
}

// Switched off at the boot of the kernel, or later.
bool MeansNoIpv6(int error) { return error == EAFNOSUPPORT || error == EADDRNOTAVAIL; }

}  // namespace

absl::StatusOr<int> Listen(const std::string& address) {
  const absl::StatusOr<HostPort> place = ParsePlace(address);
  if (!place.ok()) return place.status();
  Opened opened = Open(*place);
  if (NormalAddress(place->host) == "::" && MeansNoIpv6(opened.error)) opened = Open({"0.0.0.0", place->port});
  if (!opened.unknown.empty()) {
    return absl::InvalidArgumentError(Cat("cannot listen on ", address, ": ", opened.unknown));
  }
  if (opened.error == 0) return opened.fd;
  return absl::UnavailableError(Cat("cannot listen on ", address, ": ", std::strerror(opened.error),
                                    opened.error == EADDRINUSE ? ": is the port in use by another process?" : ""));
}

int PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

}  // namespace k8sgw::http
