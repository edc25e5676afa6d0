// A steady load of GET requests on several addresses of one service, as clients with a retry send it: a request that an
// address does not answer goes to the next one, until one answers or its time is over.
//
//   http_load HOST RATE IP:PORT…      until SIGTERM; RATE is requests a second
//
// Prints a line a second, and at the end: how many were answered with 200 and with something else, how many were lost
// since nobody answered in time, how often another address was tried, and the time of the slowest.
//
//   {"good": 1000, "bad": 0, "lost": 0, "again": 2, "slowest_ms": 12}
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kClients = 16;
constexpr auto kPatience = 5s;
// Of one address, before the next is tried.
constexpr timeval kAddressPatience{.tv_sec = 1, .tv_usec = 0};

std::atomic<bool> g_end{false};

struct Counts {
  std::atomic<long> good{0};
  std::atomic<long> bad{0};
  std::atomic<long> lost{0};
  std::atomic<long> again{0};
  std::atomic<long> slowest_ms{0};
};

void Print(const Counts& counts) {
  std::cout << R"({"good": )" << counts.good << R"(, "bad": )" << counts.bad << R"(, "lost": )" << counts.lost
            << R"(, "again": )" << counts.again << R"(, "slowest_ms": )" << counts.slowest_ms << "}" << std::endl;
}

// A connection to one address, which is made when it is needed and kept while the server keeps it.
class Connection {
 public:
  explicit Connection(const sockaddr_in& address) : address_(address) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { Close(); }

  // The status, or 0 when there was no whole answer.
  int Ask(const std::string& request) {
    if (fd_ < 0 && !Open()) return 0;
    if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return Fail();
    std::string answer;
    size_t end = std::string::npos;
    while ((end = answer.find("\r\n\r\n")) == std::string::npos) {
      if (!Read(answer)) return Fail();
    }
    const std::string head = answer.substr(0, end);
    const size_t at = head.find("content-length: ");
    if (at == std::string::npos || head.size() < 12) return Fail();
    const size_t whole = end + 4 + std::strtoul(head.c_str() + at + 16, nullptr, 10);
    while (answer.size() < whole) {
      if (!Read(answer)) return Fail();
    }
    if (head.find("connection: close") != std::string::npos) Close();
    return std::atoi(head.c_str() + 9);
  }

 private:
  bool Open() {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kAddressPatience, sizeof(kAddressPatience));
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kAddressPatience, sizeof(kAddressPatience));
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address_), sizeof(address_)) == 0) return true;
    Close();
    return false;
  }
  bool Read(std::string& into) {
    char buffer[4096];
    const ssize_t size = recv(fd_, buffer, sizeof(buffer), 0);
    if (size <= 0) return false;
    into.append(buffer, static_cast<size_t>(size));
    return true;
  }
  int Fail() {
    Close();
    return 0;
  }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  const sockaddr_in address_;
  int fd_ = -1;
};

void Run(const std::vector<sockaddr_in>& addresses, const std::string& request, Clock::duration pause, size_t number,
         Counts& counts) {
  std::vector<std::unique_ptr<Connection>> connections;
  for (const sockaddr_in& address : addresses) connections.push_back(std::make_unique<Connection>(address));
  Clock::time_point next = Clock::now() + pause * static_cast<long>(number) / kClients;
  for (size_t turn = number; !g_end; ++turn) {
    std::this_thread::sleep_until(next);
    next = std::max(next + pause, Clock::now() - 1s);
    const Clock::time_point begin = Clock::now();
    int status = 0;
    for (size_t tried = 0; status == 0 && Clock::now() < begin + kPatience; ++tried) {
      if (tried > 0) ++counts.again;
      // When all have failed there is nothing to do but wait a little.
      if (tried > 0 && tried % connections.size() == 0) std::this_thread::sleep_for(20ms);
      status = connections[(turn + tried) % connections.size()]->Ask(request);
    }
    ++(status == 200 ? counts.good : status == 0 ? counts.lost : counts.bad);
    const long took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count();
    long slowest = counts.slowest_ms;
    while (took > slowest && !counts.slowest_ms.compare_exchange_weak(slowest, took)) {
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || std::atoi(argv[2]) <= 0) {
    std::cerr << "usage: http_load HOST RATE IP:PORT...\n";
    return 2;
  }
  std::vector<sockaddr_in> addresses;
  for (int i = 3; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t colon = text.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (colon == std::string::npos || inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
      std::cerr << text << " is no IP:PORT\n";
      return 2;
    }
    address.sin_port = htons(static_cast<uint16_t>(std::atoi(text.c_str() + colon + 1)));
    addresses.push_back(address);
  }
  signal(SIGTERM, [](int) { g_end = true; });
  const std::string request = std::string("GET / HTTP/1.1\r\nhost: ") + argv[1] + "\r\n\r\n";
  const auto pause = std::chrono::duration_cast<Clock::duration>(1s) * kClients / std::atoi(argv[2]);
  Counts counts;
  std::vector<std::thread> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.emplace_back([&, i] { Run(addresses, request, pause, i, counts); });
  }
  while (!g_end) {
    std::this_thread::sleep_for(1s);
    Print(counts);
  }
  for (std::thread& client : clients) client.join();
  Print(counts);
  return 0;
}
