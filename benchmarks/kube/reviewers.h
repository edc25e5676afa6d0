// The API server's side of the webhook: reviews over TLS, each on a connection of its own. One thread, which does less
// for each than the webhook does, so that what is measured is the webhook. All errors end the process.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace k8sgw::bench {

class Reviewers {
 public:
  // So many at once; TLS begins with the first review of each.
  Reviewers(int port, size_t at_once);
  ~Reviewers();

  // POSTs each body to /validation, as soon as one of them is free. Returns when all have been allowed, with the times
  // that they took, in milliseconds.
  std::vector<double> SendAll(const std::vector<std::string>& bodies);

 private:
  class Connection;
  const int epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace k8sgw::bench
