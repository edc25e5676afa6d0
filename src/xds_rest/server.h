// REST xDS: one POST of a DiscoveryRequest for each question, as JSON over plain HTTP/1.1, answered with what the gRPC
// server has at that moment. A GET with such a body is answered as well.
//
//   xds_rest::Server rest([&control] { return control.xds(); });
//   rest.Listen("[::]:9976");
//
// POST /v3/discovery:clusters|endpoints|listeners|routes|secrets
//   200  a DiscoveryResponse, without a nonce
//   304  the request's version is the newest
//   400  there is no body, or it is no DiscoveryRequest, or of another type than the path
//   401, 403, 503  the authenticator of the xDS server does not know the caller, gives it no right to the role, or
//        cannot tell; 503 also while there is no xDS server
//   500  nobody has configuration for the role; without a role there is the fallback
// Other paths: 404; other methods: 405. Where keys stand in listeners and clusters, as with `gloo`, secrets are an
// empty list. Fields of `node` that are not known are left out of account, as newer Envoys have more.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "src/http/server.h"
#include "src/xds/server.h"

namespace k8sgw::xds_rest {

class Server {
 public:
  // The xDS server of the moment, or nullptr; called from any thread. A server is kept until its answers are made.
  using Source = std::function<std::shared_ptr<xds::Server>()>;

  explicit Server(Source source, http::ServerOptions options = {});
  ~Server();

  // Starts, or moves. On an error the one that was there goes on.
  absl::Status Listen(const std::string& address);
  void Stop();
  // 0 while it does not listen.
  int port() const { return server_ ? server_->port() : 0; }
  // Requests that came, whatever the answer. From any thread.
  uint64_t requests() const;

 private:
  struct Shared;

  const http::ServerOptions options_;
  // Answers may be made when the server is gone.
  const std::shared_ptr<Shared> shared_;
  http::Counters counters_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace k8sgw::xds_rest
