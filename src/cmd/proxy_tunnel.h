// The Envoy beside the proxy that has TLS to the control plane while the relay of --state-dir stands between: started
// again when it dies. Everything runs on the event loop's thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "src/cmd/event_loop.h"
#include "src/cmd/memory_file.h"

namespace k8sgw {

class ProxyTunnel {
 public:
  // `bootstrap` as of src/bootstrap/tunnel.h.
  ProxyTunnel(const std::string& envoy, std::unique_ptr<MemoryFile> bootstrap);

  // Errors: it cannot be started.
  absl::Status Start();
  // What waitpid said of a child; false when that is another one.
  bool OnExit(pid_t pid, int status);
  std::optional<EventLoop::Time> deadline() const { return again_; }
  // When deadline() has passed.
  void OnDeadline();
  // Waits for its end.
  void End();

 private:
  const std::unique_ptr<MemoryFile> bootstrap_;
  const std::vector<std::string> command_;
  pid_t pid_ = -1;
  std::optional<EventLoop::Time> again_;
};

}  // namespace k8sgw
