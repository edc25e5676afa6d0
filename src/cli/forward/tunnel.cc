#include "src/cli/forward/tunnel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "src/base/text.h"
#include "src/cli/forward/upgraded.h"
#include "src/sources/kube/resource_path.h"

namespace k8sgw::cli {
namespace {

constexpr char kProtocol[] = "v4.channel.k8s.io";
constexpr char kData = 0;
constexpr char kError = 1;
// So much may wait for the caller; then nothing more is read from the server.
constexpr size_t kMostWaiting = 4 << 20;
constexpr size_t kPortBytes = 2;

}  // namespace

absl::StatusOr<std::unique_ptr<Tunnel>> Tunnel::Open(kube::Credentials& credentials, const PodPort& to,
                                                     std::chrono::milliseconds timeout) {
  const std::string target =
      Cat(kube::ObjectPath({"", "v1", "pods", to.ns}, to.pod, "portforward"), "?ports=", to.port);
  absl::StatusOr<std::unique_ptr<Upgraded>> server = Upgraded::Open(credentials, target, kProtocol, timeout);
  if (!server.ok()) return server.status();
  std::unique_ptr<Tunnel> tunnel(new Tunnel(*std::move(server)));
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return absl::ErrnoToStatus(errno, "a pair of sockets cannot be made");
  tunnel->app_ = pair[0];
  tunnel->ours_ = pair[1];
  tunnel->wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  fcntl(tunnel->ours_, F_SETFL, fcntl(tunnel->ours_, F_GETFL) | O_NONBLOCK);
  tunnel->thread_ = std::thread([raw = tunnel.get()] { raw->Pump(); });
  return tunnel;
}

Tunnel::Tunnel(std::unique_ptr<Upgraded> server) : server_(std::move(server)) {}

Tunnel::~Tunnel() {
  ending_ = true;
  if (wake_ >= 0) eventfd_write(wake_, 1);
  if (thread_.joinable()) thread_.join();
  for (const int fd : {app_, ours_, wake_}) {
    if (fd >= 0) close(fd);
  }
}

int Tunnel::TakeSocket() { return std::exchange(app_, -1); }

std::string Tunnel::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void Tunnel::SetError(std::string error) {
  const std::lock_guard lock(mutex_);
  if (error_.empty()) error_ = std::move(error);
}

bool Tunnel::TakeFrames(std::string& to_app) {
  std::vector<Frame> frames;
  bool ended = false;
  if (const absl::Status status = server_->Receive(frames, ended); !status.ok()) {
    SetError(std::string(status.message()));
    return false;
  }
  for (Frame& frame : frames) {
    if (frame.opcode == Opcode::kClose) return false;
    if (frame.opcode == Opcode::kPing && !server_->Send({Opcode::kPong, frame.payload}).ok()) return false;
    if (frame.opcode != Opcode::kBinary || frame.payload.empty()) continue;
    const char channel = frame.payload[0];
    if (channel != kData && channel != kError) continue;
    std::string_view data = std::string_view(frame.payload).substr(1);
    if (!std::exchange(named_[static_cast<size_t>(channel)], true))
      data.remove_prefix(std::min(data.size(), kPortBytes));
    if (channel == kData) {
      to_app.append(data);
    } else if (!data.empty()) {
      SetError(std::string(data));
      return false;
    }
  }
  return !ended;
}

bool Tunnel::TakeBytes() {
  char buffer[16384];
  const ssize_t read = recv(ours_, buffer, sizeof(buffer), 0);
  if (read < 0) return errno == EAGAIN || errno == EINTR;
  if (read == 0) return false;
  return server_->Send({Opcode::kBinary, std::string(1, kData) + std::string(buffer, static_cast<size_t>(read))}).ok();
}

// TLS may have bytes that poll knows nothing of, so the server is read until it has nothing before each wait.
void Tunnel::Pump() {
  std::string to_app;
  bool server_open = true;
  while (!ending_ && (server_open || !to_app.empty())) {
    if (server_open && to_app.size() < kMostWaiting) server_open = TakeFrames(to_app);
    if (!to_app.empty()) {
      const ssize_t sent = send(ours_, to_app.data(), to_app.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) break;
      if (sent > 0) to_app.erase(0, static_cast<size_t>(sent));
    }
    if (!server_open && to_app.empty()) break;
    const bool reads = server_open && to_app.size() < kMostWaiting;
    pollfd waiting[3] = {{ours_, static_cast<short>((server_open ? POLLIN : 0) | (to_app.empty() ? 0 : POLLOUT)), 0},
                         {reads ? server_->fd() : -1, POLLIN, 0},
                         {wake_, POLLIN, 0}};
    if (poll(waiting, 3, -1) < 0 && errno != EINTR) break;
    if (server_open && (waiting[0].revents & (POLLIN | POLLHUP)) != 0 && !TakeBytes()) break;
  }
  shutdown(ours_, SHUT_RDWR);
}

}  // namespace k8sgw::cli
