// The API server's side of the webhook: reviews over TLS, each on a thread and a connection of its own, so that no
// answer waits in the measuring client for another. All errors end the process.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace k8sgw::bench {

class Reviewers {
 public:
  // So many at once, on connections that open with their first review.
  Reviewers(int port, size_t at_once);
  ~Reviewers();

  // POSTs each body to /validation, as soon as one of them is free. Returns when all have been allowed, with the times
  // that they took, in milliseconds.
  std::vector<double> SendAll(const std::vector<std::string>& bodies);

 private:
  class Connection;
  const int port_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace k8sgw::bench
