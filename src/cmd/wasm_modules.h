// The cache of WebAssembly modules, beside a control plane: what its listeners name is pulled, what was pulled becomes
// a part of the configuration, and Envoys get the bytes from a port of ours.
//
// All methods run on the event loop's thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "src/cmd/commands.h"
#include "src/cmd/control_plane.h"
#include "src/cmd/event_loop.h"
#include "src/cmd/port_listener.h"
#include "src/http/counters.h"
#include "src/http/server.h"
#include "src/wasm_cache/cache.h"

namespace k8sgw {

// With a state folder and no folder for modules, they are kept there.
WasmOptions WithStateDir(WasmOptions wasm, const std::string& state_dir);

class WasmModules {
 public:
  // Both outlive it. `on_change` is called when modules have changed, in place of which the caller calls Apply.
  WasmModules(const WasmOptions& options, ControlPlane& control, EventLoop& loop, std::function<void()> on_change);
  ~WasmModules();

  // Serves the modules where the flag says. Errors: the address cannot be had.
  absl::Status Listen() { return ListenOn(options_.bind); }
  int port() const { return server_ ? server_->port() : 0; }
  // The same, and an address that cannot be had is tried again.
  void ListenInTime() { port_.Follow(options_.bind); }
  std::optional<EventLoop::Time> deadline() const { return port_.deadline(); }
  void OnDeadline(EventLoop::Time now) {
    if (port_.deadline() && now >= *port_.deadline()) port_.Retry();
  }
  // To be called after each revision: looks at what is wanted now.
  void AfterCommit();
  // At a start, before anybody is served: what is on disk, or is pulled by then, is there when this returns.
  void Await(std::chrono::milliseconds patience);
  // Hands what has changed to the control plane, as a revision.
  void Apply();
  // All images that are wanted have been looked for.
  bool settled() const { return cache_->settled(); }

 private:
  absl::Status ListenOn(const std::string& address);
  void FollowImages();
  void FollowSecret();

  const WasmOptions options_;
  ControlPlane& control_;
  EventLoop& loop_;
  const std::function<void()> on_change_;
  // The Secret as it was when it was read last.
  Ptr<Object<gloov1::Secret>> secret_;
  http::Counters counters_;
  // Its threads may post until it has ended, and the server reads it.
  std::unique_ptr<wasm_cache::Cache> cache_;
  std::unique_ptr<http::Server> server_;
  PortListener port_;
};

}  // namespace k8sgw
