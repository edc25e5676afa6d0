// Envoy's access log protocol (ALS v3) over gRPC: whole streams of HTTP and TCP entries become lines in a Sink.
//
// A stream is read only as fast as its lines can be written; beyond that, what Envoy sends waits in the windows of the
// connection, and in Envoy. Of a stream, one message and one block of lines are held outside of the sink's bound; when
// the messages of all streams are too much together, streams are ended.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "src/access_log/metrics.h"
#include "src/access_log/sink.h"

namespace k8sgw::access_log {

struct ServerOptions {
  // "[::]:8083"; port 0 picks a free one.
  std::string address;
  // Of which gRPC health says SERVING, beside "".
  std::string service_name = "AccessLog";
};

class Server {
 public:
  // Sink and metrics outlive it. Errors: the address cannot be had.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options, Sink& sink, Metrics& metrics);
  virtual ~Server() = default;

  virtual int port() const = 0;
  virtual uint64_t streams() const = 0;
  // Health says NOT_SERVING from now on.
  virtual void StopServing() = 0;
  // Milliseconds since a message came last, or since the start.
  virtual int64_t quiet_ms() const = 0;
  // Ends all streams, and returns when nothing more comes to the sink.
  virtual void Shutdown() = 0;
};

}  // namespace k8sgw::access_log
