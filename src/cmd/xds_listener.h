// Where the xDS server listens, as Settings say: moved when they change, tried again when an address cannot be had.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "src/cmd/control_plane.h"
#include "src/cmd/event_loop.h"

namespace gloo::solo::io {
class Settings;
}

namespace k8sgw {

class XdsListener {
 public:
  // `where` says which object, and maybe which line, the address stands in, for messages.
  XdsListener(ControlPlane& control, std::function<std::string()> where)
      : control_(control), where_(std::move(where)) {}

  // Listens where these Settings say (nullptr: where the published product does). The address that was in use stays
  // until the new one can be had. Says on stdout when it is ready.
  void Follow(const gloo::solo::io::Settings* settings);
  // When the address that could not be had is to be tried again.
  std::optional<EventLoop::Time> deadline() const { return again_; }
  void Retry() { Listen(wanted_); }

 private:
  void Listen(const std::string& address);
  void TryAgain(const std::string& address, const absl::Status& status);

  ControlPlane& control_;
  const std::function<std::string()> where_;
  std::string wanted_;
  // Where it listens, and where it could not: "" when there is no such address.
  std::string address_;
  std::string refused_;
  std::chrono::milliseconds pause_{0};
  std::optional<EventLoop::Time> again_;
};

}  // namespace k8sgw
