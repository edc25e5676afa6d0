// Stands between an Envoy and its control plane, on a socket in a folder, and passes their ADS streams on as they are.
//
// What the Envoy accepts is kept (memory.h). An Envoy that was given nothing yet, while the control plane cannot be had
// for `patience`, is served what is kept, by an xDS server of ours. When the control plane answers again, that stream
// ends: the Envoy opens the next one, says what it has, and gets the difference, as after any restart of the control
// plane. An Envoy that has its configuration is left with it.
//
// Headers `authorization` are passed on. The relay itself speaks without TLS; a tunnel may stand behind it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace k8sgw::xds_relay {

struct RelayOptions {
  // Of the control plane, or of the tunnel to it, as gRPC has it: "dns:///gloo:9977", "unix:/state/tunnel.sock".
  std::string upstream;
  // The name of the host in requests; "" for the one in `upstream`.
  std::string authority;
  // Where the sockets are made, and the memory is kept; one process at a time may use it.
  std::string folder;
  std::chrono::milliseconds patience{5000};
  // Called by any thread.
  std::function<void(const std::string& what, bool is_error)> log;
};

class Relay {
 public:
  // Errors: the folder cannot be written, or another process has it.
  static absl::StatusOr<std::unique_ptr<Relay>> Start(RelayOptions options);
  virtual ~Relay() = default;

  // The socket that the Envoy is to speak to, without TLS.
  static std::string SocketIn(const std::string& folder) { return folder + "/xds.sock"; }
};

}  // namespace k8sgw::xds_relay
