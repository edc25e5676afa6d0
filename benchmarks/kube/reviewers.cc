#include "benchmarks/kube/reviewers.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "benchmarks/figures.h"

namespace k8sgw::bench {
namespace {

[[noreturn]] void Die(std::string_view what) {
  fmt::print(stderr, "a review: {}\n", what);
  std::exit(1);
}

}  // namespace

class Reviewers::Connection {
 public:
  ~Connection() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    if (fd_ >= 0) close(fd_);
  }

  // Ends with the whole answer, which must allow.
  void Review(int port, const std::string& body) {
    if (!ssl_) Open(port);
    const std::string request = fmt::format(
        "POST /validation?timeout=10s HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        body.size(), body);
    if (SSL_write(ssl_, request.data(), static_cast<int>(request.size())) <= 0) Die("it cannot be sent");
    std::string answer;
    size_t end = std::string::npos;
    while (answer.size() < end) {
      char some[4096];
      const int n = SSL_read(ssl_, some, sizeof(some));
      if (n <= 0) Die("the connection ended");
      answer.append(some, static_cast<size_t>(n));
      if (end == std::string::npos) end = EndOf(answer);
    }
    if (!answer.starts_with("HTTP/1.1 200") || answer.find(R"("allowed":true)") == std::string::npos) Die(answer);
  }

 private:
  void Open(int port) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) Die("no connection");
    context_ = SSL_CTX_new(TLS_client_method());
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    if (SSL_connect(ssl_) != 1) Die("no TLS");
  }

  // How many bytes the answer has, once its headers are there.
  static size_t EndOf(const std::string& answer) {
    const size_t head = answer.find("\r\n\r\n");
    if (head == std::string::npos) return head;
    constexpr std::string_view kLength = "Content-Length: ";
    const size_t length = answer.find(kLength);
    if (length >= head) Die("an answer without Content-Length");
    return head + 4 + std::strtoul(answer.c_str() + length + kLength.size(), nullptr, 10);
  }

  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
};

Reviewers::Reviewers(int port, size_t at_once) : port_(port) {
  for (size_t i = 0; i < at_once; ++i) connections_.push_back(std::make_unique<Connection>());
}

Reviewers::~Reviewers() = default;

std::vector<double> Reviewers::SendAll(const std::vector<std::string>& bodies) {
  std::vector<double> took(bodies.size());
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  for (const auto& connection : connections_) {
    threads.emplace_back([&, one = connection.get()] {
      for (size_t i = next++; i < bodies.size(); i = next++) {
        const auto begin = Clock::now();
        one->Review(port_, bodies[i]);
        took[i] = Ms(Clock::now() - begin);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return took;
}

}  // namespace k8sgw::bench
