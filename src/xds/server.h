// The gRPC face of an Engine: ADS and the single-type services (LDS, RDS, CDS, EDS, SDS), delta and state-of-the-world,
// unary Fetch, health and reflection, on one port.
//
// Responses are written as raw bytes: the pieces of a Resource are handed to gRPC as slices without a copy, and are
// never parsed or serialized again. With an authenticator, only callers that are known get anything, and only of roles
// that are theirs; health and reflection, which tell nothing of the configuration, stay open. gRPC's threads come
// through a Hub (hub.h); the owner of the graph calls Apply from its own thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "src/xds/authenticator.h"
#include "src/xds/engine.h"
#include "src/xds/hub.h"

namespace k8sgw::xds {

struct ServerOptions {
  // "127.0.0.1:9977", "[::]:9977", "unix:/path"; port 0 picks a free one.
  std::string address;
  EngineOptions engine;
  // As in HubOptions.
  Authenticator* authenticator = nullptr;
  std::function<void(const Refusal&)> on_refusal{};
  // Largest request that is read, in bytes. Responses have no bound.
  int max_request_bytes = 32 << 20;
};

class Server {
 public:
  // Errors: the address cannot be bound (the text names it).
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);
  virtual ~Server() = default;

  // The bound TCP port.
  virtual int port() const = 0;
  virtual void Apply(const std::string& role, const Update& update) = 0;
  // A Fetch that came by another way than gRPC, as Hub::Fetch, for known roles only. The server is there until `done`
  // was called.
  virtual void Fetch(const Caller& caller, const Request& request, Hub::Fetched done) = 0;
  // As in Engine.
  virtual void ModuleReady(const std::string& role) = 0;
  // Health answers NOT_SERVING until this is called.
  virtual void SetServing() = 0;
  virtual EngineStats stats() const = 0;
  virtual ResponseCounts responses() const = 0;
  virtual AccessStats access_stats() const = 0;
  virtual bool InSync(const std::string& role) const = 0;
  // Closes streams and returns when all of gRPC's threads have left, which those that fetch do when the authenticator
  // has answered. Called by the destructor too.
  virtual void Shutdown() = 0;
  // As in Engine.
  virtual std::map<std::string, Engine::RoleStreams> StreamsByRole() const = 0;
  virtual std::vector<ClientState> Clients() const = 0;
};

}  // namespace k8sgw::xds
