#include "benchmarks/http.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

namespace k8sgw::bench {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A socket that is bound to a free port, which is written to `port`.
int BoundSocket(int* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("cannot bind a port on loopback");
    std::exit(1);
  }
  *port = ntohs(address.sin_port);
  return fd;
}

void NoDelay(int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void Answer(int fd, const std::string& answer) {
  std::string pending;
  char buffer[4096];
  for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
    pending.append(buffer, static_cast<size_t>(n));
    for (size_t end; (end = pending.find("\r\n\r\n")) != std::string::npos;) {
      pending.erase(0, end + 4);
      send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
  close(fd);
}

}  // namespace

int FreePort() {
  int port = 0;
  close(BoundSocket(&port));
  return port;
}

int StartBackend(std::string body) {
  int port = 0;
  const int fd = BoundSocket(&port);
  listen(fd, 64);
  const std::string answer = "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  std::thread([fd, answer] {
    for (int client; (client = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      NoDelay(client);
      std::thread(Answer, client, answer).detach();
    }
  }).detach();
  return port;
}

std::string Fetch(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const std::string request = "GET " + path + " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char buffer[8192];
    for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) answer.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  return answer;
}

Client::~Client() { Drop(); }

void Client::Drop() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

bool Client::Connect() {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  NoDelay(fd_);
  const sockaddr_in address = Loopback(port_);
  const timeval timeout{5, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return true;
  Drop();
  return false;
}

std::string Client::Get(const std::string& host) {
  if (fd_ < 0 && !Connect()) return "";
  const std::string request = "GET / HTTP/1.1\r\nhost: " + host + "\r\n\r\n";
  if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    Drop();
    return "";
  }
  std::string answer;
  char buffer[8192];
  while (true) {
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n <= 0) {
      Drop();
      return "";
    }
    answer.append(buffer, static_cast<size_t>(n));
    const size_t head = answer.find("\r\n\r\n");
    if (head == std::string::npos) continue;
    const size_t length = answer.find("content-length: ");
    const size_t body = length == std::string::npos ? 0 : std::strtoul(answer.c_str() + length + 16, nullptr, 10);
    if (answer.size() < head + 4 + body) continue;
    if (answer.find("connection: close") != std::string::npos) Drop();
    return answer;
  }
}

}  // namespace k8sgw::bench
