// One connection to a port of a pod, through the API server: what kubectl port-forward makes of each connection.
//
// It is a WebSocket of subprotocol v4.channel.k8s.io: messages begin with a channel, 0 for data and 1 for an error, and
// the first message of each channel names the port. The API server hands it on to the kubelet as it is. See docs/cli.md
// for why this one. Who reads it by the API's rules needs `get` and `create` on pods/portforward.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "src/sources/kube/credentials.h"

namespace k8sgw::cli {

class Upgraded;

// Where a connection leads.
struct PodPort {
  std::string ns;
  std::string pod;
  int port = 0;
};

class Tunnel {
 public:
  // Errors: the API server is away or refuses. That nobody listens in the pod is known only when it is used: see
  // error().
  static absl::StatusOr<std::unique_ptr<Tunnel>> Open(kube::Credentials& credentials, const PodPort& to,
                                                      std::chrono::milliseconds timeout);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // A stream socket that is the connection. The caller owns it from now on; to be called once.
  int TakeSocket();
  // What the other side said when it could not connect; "" when it could.
  std::string error() const;

 private:
  explicit Tunnel(std::unique_ptr<Upgraded> server);
  void Pump();
  // Appends what came for the caller; false at the end.
  bool TakeFrames(std::string& to_app);
  // Takes what the caller sends; false at its end, or the server's.
  bool TakeBytes();
  void SetError(std::string error);

  const std::unique_ptr<Upgraded> server_;
  int app_ = -1;   // the caller's end
  int ours_ = -1;  // of the same pair
  std::atomic<bool> ending_{false};
  int wake_ = -1;
  // Whether the port was named on a channel.
  bool named_[2] = {false, false};
  mutable std::mutex mutex_;
  std::string error_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace k8sgw::cli
