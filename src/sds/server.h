// An xDS server that gives the same secrets to whoever asks, whatever it says of itself.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/xds/server.h"

namespace k8sgw::sds {

class Server {
 public:
  // `refused` hears of what an Envoy did not take, on threads of gRPC. Errors: the address cannot be had.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const std::string& address,
                                                       std::function<void(const std::string& what)> refused);

  // Replaces those of the same names.
  void Put(std::vector<Ptr<xds::Resource>> secrets);
  // Health says NOT_SERVING before.
  void SetServing() { server_->SetServing(); }
  // 0 for an address that has none.
  int port() const { return server_->port(); }
  void Shutdown() { server_->Shutdown(); }

 private:
  explicit Server(std::unique_ptr<xds::Server> server) : server_(std::move(server)) {}

  const std::unique_ptr<xds::Server> server_;
};

}  // namespace k8sgw::sds
