// The two ends of a request: a backend that answers its own name, and a client that keeps its connection.
#pragma once

#include <string>

namespace k8sgw::bench {

// A port that is free on loopback now.
int FreePort();

// Answers every request with `body`, until the process ends. Returns its port.
int StartBackend(std::string body);

// The whole of what a server on loopback answers to GET `path`, read to its end; "" when it cannot be had.
std::string Fetch(int port, const std::string& path);

class Client {
 public:
  explicit Client(int port) : port_(port) {}
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The whole answer to GET / for `host`; "" when there is none.
  std::string Get(const std::string& host);

 private:
  bool Connect();
  void Drop();

  const int port_;
  int fd_ = -1;
};

}  // namespace k8sgw::bench
