// An HTTPS server of bounded patience and memory: whole requests in, one answer for each. libevent and OpenSSL on a
// thread of its own.
//
// Without a good certificate it does not listen; it looks at the files every kRefresh, and renews or begins when they
// are good. Connections that are open keep the certificate that they began with.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "src/admission/connections.h"
#include "src/admission/counters.h"

namespace k8sgw::admission {

struct HttpRequest {
  std::string method;
  // Without the query.
  std::string path;
  // Behind the "?".
  std::string query;
  std::string content_type;
  // kJsonPadding bytes behind it are readable.
  std::string body;
};

struct HttpAnswer {
  int code = 200;
  std::string content_type = "text/plain";
  std::string body;
};

struct HttpsServerOptions {
  // "0.0.0.0:8443"; port 0 picks a free one.
  std::string address;
  std::string certificate_path;
  std::string key_path;
  ConnectionLimits limits;
  size_t most_body_bytes = 10 << 20;
  size_t most_header_bytes = 16 << 10;
  // How long a connection may wait for its next request.
  int idle_seconds = 120;
  std::chrono::milliseconds refresh{2'000};
};

class HttpsServer {
 public:
  // May be called once, from any thread, also when the server is gone.
  using Reply = std::function<void(HttpAnswer)>;
  struct Callbacks {
    // All on the server's thread.
    std::function<void(HttpRequest request, Reply reply)> on_request;
    std::function<void(const std::string& message, bool is_error)> on_log;
  };

  // Begins; what is wrong is told by on_log, and tried again. Counters outlive it.
  static std::unique_ptr<HttpsServer> Start(HttpsServerOptions options, Callbacks callbacks, Counters& counters);
  // Closes everything; requests without an answer get none.
  virtual ~HttpsServer() = default;

  // 0 while it does not listen.
  virtual int port() const = 0;
};

}  // namespace k8sgw::admission
