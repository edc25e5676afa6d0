// GET /metrics over HTTP, on a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

struct event_base;
struct evhttp;

namespace k8sgw::access_log {

class MetricsPort {
 public:
  // `text` is called by its thread. The port is open on all addresses; 0 picks a free one. Errors: it cannot be had.
  static absl::StatusOr<std::unique_ptr<MetricsPort>> Open(int port, std::function<std::string()> text);
  ~MetricsPort();
  MetricsPort(const MetricsPort&) = delete;
  MetricsPort& operator=(const MetricsPort&) = delete;

  int port() const { return port_; }

 private:
  explicit MetricsPort(std::function<std::string()> text);
  absl::Status Bind(int port);

  const std::function<std::string()> text_;
  int stop_fd_ = -1;
  std::unique_ptr<event_base, void (*)(event_base*)> base_;
  std::unique_ptr<evhttp, void (*)(evhttp*)> http_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace k8sgw::access_log
