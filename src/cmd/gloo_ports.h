// The ports that `gloo` opens where Settings say: xDS by gRPC and by REST, the validation service, and the Proxies.
// Those of xDS may be fixed by the command line: what stands in front of them must not be passed by.
//
// All methods run on the event loop's thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "src/cmd/commands.h"
#include "src/cmd/control_plane.h"
#include "src/cmd/event_loop.h"
#include "src/cmd/port_listener.h"
#include "src/proxy_debug/server.h"
#include "src/proxy_validation/server.h"
#include "src/xds/gate.h"
#include "src/xds_rest/server.h"

namespace gloo::solo::io {
class Settings;
}

namespace k8sgw {

class GlooPorts {
 public:
  // All outlive it. `where` is PortListener's. `readers` are who may use the services about Proxies; nullptr:
  // everybody.
  GlooPorts(ControlPlane& control, EventLoop& loop, XdsBindOptions fixed,
            std::function<std::string(const std::string& field)> where, xds::Authenticator* readers = nullptr);

  // nullptr: where the published product listens.
  void Follow(const gloo::solo::io::Settings* settings);
  // When an address that could not be had is to be tried again.
  std::optional<EventLoop::Time> deadline() const;
  void OnDeadline(EventLoop::Time now);
  // To be called after each revision.
  void AfterCommit() { validation_.AfterCommit(); }
  // All objects are known.
  void SetReady();
  uint64_t rest_requests() const { return rest_.requests(); }
  // Ends all but xDS by gRPC, which ends with the control plane.
  void Stop();

 private:
  proxy_validation::Server validation_;
  xds_rest::Server rest_;
  proxy_debug::Server debug_;
  const XdsBindOptions fixed_;
  // What Settings said that does not count, when it was last told.
  XdsBindOptions told_;
  int max_request_bytes_ = 0;
  PortListener xds_port_;
  PortListener validation_port_;
  PortListener rest_port_;
  PortListener debug_port_;
};

}  // namespace k8sgw
