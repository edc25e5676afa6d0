// An HTTP/1.1 server of bounded patience and memory, with TLS or without: whole requests in, one answer for each.
// libevent and OpenSSL on a thread of its own.
//
// With TLS it does not listen without a good certificate; it looks at the files every `refresh`, and renews or begins
// when they are good. Connections that are open keep the certificate that they began with.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "src/http/connections.h"
#include "src/http/counters.h"
#include "src/http/message.h"

namespace k8sgw::http {

struct TlsFiles {
  std::string certificate_path;
  std::string key_path;
};

struct ServerOptions {
  // "[::]:8443"; port 0 picks a free one.
  std::string address;
  // Unset for plain HTTP.
  std::optional<TlsFiles> tls;
  ConnectionLimits limits;
  size_t most_body_bytes = 10 << 20;
  size_t most_header_bytes = 16 << 10;
  // How long a connection may wait for its next request, and for the other end to read.
  int idle_seconds = 120;
  std::chrono::milliseconds refresh{2'000};
};

class Server {
 public:
  struct Callbacks {
    // All on the server's thread.
    std::function<void(Request request, Reply reply)> on_request;
    std::function<void(const std::string& message, bool is_error)> on_log;
  };

  // Listens when it returns, without TLS at least. Counters outlive it. Errors: the address cannot be had.
  static absl::StatusOr<std::unique_ptr<Server>> Open(ServerOptions options, Callbacks callbacks, Counters& counters);
  // Begins; what is wrong is told by on_log, and tried again.
  static std::unique_ptr<Server> Start(ServerOptions options, Callbacks callbacks, Counters& counters);
  // Closes everything; requests without an answer get none.
  virtual ~Server() = default;

  // From now on each answer ends its connection: who asks again finds who else is there, and not one that is about to
  // end. On any thread.
  virtual void Drain() = 0;

  // 0 while it does not listen.
  virtual int port() const = 0;
};

}  // namespace k8sgw::http
