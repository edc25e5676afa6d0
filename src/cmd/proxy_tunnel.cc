#include "src/cmd/proxy_tunnel.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "src/cmd/child.h"

namespace k8sgw {
namespace {

constexpr std::chrono::seconds kPause(1);
constexpr std::chrono::seconds kEnd(1);

}  // namespace

// One thread is enough for one connection. Whether it reaches anybody says the relay, which asks again and again.
ProxyTunnel::ProxyTunnel(const std::string& envoy, std::unique_ptr<MemoryFile> bootstrap)
    : bootstrap_(std::move(bootstrap)),
      command_{envoy, "-c", bootstrap_->Path(), "--disable-hot-restart", "--concurrency", "1", "-l", "error"} {}

absl::Status ProxyTunnel::Start() {
  again_.reset();
  const absl::StatusOr<pid_t> pid = StartChild(command_, -1, bootstrap_->fd());
  if (pid.ok()) pid_ = *pid;
  return pid.status();
}

bool ProxyTunnel::OnExit(pid_t pid, int status) {
  if (pid != pid_) return false;
  pid_ = -1;
  again_ = EventLoop::Now() + kPause;
  spdlog::warn("the Envoy that has TLS to the control plane {}: it is started again", HowItEnded(status));
  return true;
}

void ProxyTunnel::OnDeadline() {
  const absl::Status status = Start();
  if (status.ok()) return;
  spdlog::error("the Envoy that has TLS to the control plane: {}", std::string(status.message()));
  again_ = EventLoop::Now() + kPause;
}

void ProxyTunnel::End() {
  if (const pid_t pid = std::exchange(pid_, -1); pid > 0) EndChild(pid, kEnd);
}

}  // namespace k8sgw
