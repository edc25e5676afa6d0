#include "benchmarks/kube/reviewers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "benchmarks/figures.h"

namespace k8sgw::bench {
namespace {

[[noreturn]] void Die(std::string_view what) {
  fmt::print(stderr, "a review: {}\n", what);
  std::exit(1);
}

}  // namespace

// Never waits: who has nothing to read is told so by epoll.
class Reviewers::Connection {
 public:
  explicit Connection(int port) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) Die("no connection");
    fcntl(fd_, F_SETFL, O_NONBLOCK);
    context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_read_ahead(context_, 1);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    SSL_set_connect_state(ssl_);
  }
  ~Connection() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    if (fd_ >= 0) close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }

  void Send(const std::string& body) {
    request_ = fmt::format(
        "POST /validation?timeout=10s HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        body.size(), body);
    answer_.clear();
    end_ = std::string::npos;
    Write();
  }

  // Goes on where it stands; true when the whole answer is there, which must allow.
  bool Go() {
    if (!request_.empty() && !Write()) return false;
    char some[16384];
    while (answer_.size() < end_) {
      const int n = SSL_read(ssl_, some, sizeof(some));
      if (n <= 0) {
        if (SSL_get_error(ssl_, n) != SSL_ERROR_WANT_READ) Die("the connection ended");
        return false;
      }
      answer_.append(some, static_cast<size_t>(n));
      if (end_ == std::string::npos) end_ = EndOf(answer_);
    }
    if (!answer_.starts_with("HTTP/1.1 200") || answer_.find(R"("allowed":true)") == std::string::npos) Die(answer_);
    return true;
  }

 private:
  // False while the other side must say something first (in its handshake), or has no room.
  bool Write() {
    const int n = SSL_write(ssl_, request_.data(), static_cast<int>(request_.size()));
    if (n > 0) request_.clear();
    const int error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl_, n);
    if (n <= 0 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) Die("it cannot be sent");
    return n > 0;
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
  std::string request_;  // until it is sent
  std::string answer_;
  size_t end_ = std::string::npos;
};

Reviewers::Reviewers(int port, size_t at_once) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  for (size_t i = 0; i < at_once; ++i) {
    connections_.push_back(std::make_unique<Connection>(port));
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = i}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_.back()->fd(), &event);
  }
}

Reviewers::~Reviewers() { close(epoll_); }

std::vector<double> Reviewers::SendAll(const std::vector<std::string>& bodies) {
  constexpr size_t kIdle = ~size_t{0};
  std::vector<double> took(bodies.size());
  std::vector<size_t> under_way(connections_.size(), kIdle);
  std::vector<Clock::time_point> begun(connections_.size());
  size_t next = 0;
  size_t answered = 0;
  const auto send = [&](size_t i) {
    under_way[i] = next < bodies.size() ? next++ : kIdle;
    if (under_way[i] == kIdle) return;
    begun[i] = Clock::now();
    connections_[i]->Send(bodies[under_way[i]]);
  };
  for (size_t i = 0; i < connections_.size(); ++i) send(i);
  while (answered < bodies.size()) {
    epoll_event events[64];
    const int n = epoll_wait(epoll_, events, 64, -1);
    for (int event = 0; event < n; ++event) {
      const size_t i = events[event].data.u64;
      if (under_way[i] == kIdle || !connections_[i]->Go()) continue;
      took[under_way[i]] = Ms(Clock::now() - begun[i]);
      ++answered;
      send(i);
    }
  }
  return took;
}

}  // namespace k8sgw::bench
