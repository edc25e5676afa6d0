// Where a server listens, as Settings say: moved when they change, tried again when an address cannot be had.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "src/cmd/event_loop.h"

namespace k8sgw {

class PortListener {
 public:
  struct Served {
    // For messages: "xDS", and the field of Settings, "gloo.xdsBindAddr".
    std::string what;
    std::string field;
    // Starts, or moves, the server. On an error the server that was there goes on.
    std::function<absl::Status(const std::string& address)> listen;
    std::function<void()> stop;
    // 0 while it does not listen.
    std::function<int()> port;
    // Said on stdout when it is ready; otherwise only in the log, as one may be ready long before there is something to
    // serve.
    bool announce = true;
  };

  // `where` says which object, and maybe which line, the field stands in, for messages.
  PortListener(Served served, std::function<std::string(const std::string& field)> where)
      : served_(std::move(served)), where_(std::move(where)) {}

  // Listens there. The address that was in use stays until the new one can be had.
  void Follow(const std::string& address);
  // The server has other options, which it takes when it starts: stops it, and starts it where it was.
  void StartAnew();
  // When the address that could not be had is to be tried again.
  std::optional<EventLoop::Time> deadline() const { return again_; }
  void Retry() { Follow(wanted_); }

 private:
  void TryAgain(const std::string& address, const absl::Status& status);

  const Served served_;
  const std::function<std::string(const std::string&)> where_;
  std::string wanted_;
  // Where it listens, and where it could not: "" when there is no such address.
  std::string address_;
  std::string refused_;
  std::chrono::milliseconds pause_{0};
  std::optional<EventLoop::Time> again_;
};

}  // namespace k8sgw
