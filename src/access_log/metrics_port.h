// GET /metrics over HTTP, on a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "src/http/server.h"

namespace k8sgw::access_log {

class MetricsPort {
 public:
  // `text` is called by its thread. The port is open on all addresses; 0 picks a free one. Errors: it cannot be had.
  static absl::StatusOr<std::unique_ptr<MetricsPort>> Open(int port, std::function<std::string()> text);

  int port() const { return server_->port(); }

 private:
  http::Counters counters_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace k8sgw::access_log
