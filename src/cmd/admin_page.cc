#include "src/cmd/admin_page.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <string_view>

namespace k8sgw {
namespace {

constexpr std::string_view kProtocol = "HTTP/1.1 ";
constexpr size_t kMaxAnswer = 64 << 20;

bool WriteAll(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

int ConnectTo(int family, const sockaddr* address, socklen_t size, std::chrono::milliseconds patience) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const timeval timeout{patience.count() / 1000, (patience.count() % 1000) * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  if (connect(fd, address, size) == 0) return fd;
  close(fd);
  return -1;
}

// A body that came in chunks; what is cut off is left out.
std::string Joined(std::string_view chunks) {
  std::string out;
  while (true) {
    size_t size = 0;
    const auto [end, error] = std::from_chars(chunks.data(), chunks.data() + chunks.size(), size, 16);
    const size_t line = chunks.find("\r\n");
    if (error != std::errc() || size == 0 || line == std::string_view::npos) return out;
    chunks.remove_prefix(line + 2);
    out += chunks.substr(0, size);
    if (chunks.size() < size + 2) return out;
    chunks.remove_prefix(size + 2);
  }
}

// An answer that ended with its connection.
std::optional<AdminAnswer> Read(std::string_view text) {
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos || text.size() < kProtocol.size() || !text.starts_with("HTTP/1.")) {
    return std::nullopt;
  }
  AdminAnswer answer;
  const std::string_view code = text.substr(kProtocol.size(), 3);
  std::from_chars(code.data(), code.data() + code.size(), answer.status);
  const bool chunks = text.substr(0, end).find("\r\ntransfer-encoding: chunked") != std::string_view::npos;
  answer.body = chunks ? Joined(text.substr(end + 4)) : std::string(text.substr(end + 4));
  return answer;
}

}  // namespace

int AdminPage::Connect() const {
  if (!address_.path.empty()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (address_.path.size() >= sizeof(address.sun_path)) return -1;
    std::memcpy(address.sun_path, address_.path.data(), address_.path.size());
    // An abstract name is written with an @ by Envoy.
    if (address_.path.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.path.size() +
                                             (address_.path.front() == '@' ? 0 : 1));
    return ConnectTo(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), size, patience_);
  }
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address_.host.c_str(), std::to_string(address_.port).c_str(), &hints, &found) != 0) return -1;
  const int fd = ConnectTo(found->ai_family, found->ai_addr, found->ai_addrlen, patience_);
  freeaddrinfo(found);
  return fd;
}

std::optional<AdminAnswer> AdminPage::Ask(const std::string& method, const std::string& target) const {
  const int fd = address_.exists() ? Connect() : -1;
  if (fd < 0) return std::nullopt;
  std::string answer;
  if (WriteAll(fd,
               method + " " + target + " HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")) {
    char buffer[16 * 1024];
    for (ssize_t n; answer.size() < kMaxAnswer && (n = read(fd, buffer, sizeof(buffer))) > 0;) {
      answer.append(buffer, static_cast<size_t>(n));
    }
  }
  close(fd);
  return Read(answer);
}

}  // namespace k8sgw
