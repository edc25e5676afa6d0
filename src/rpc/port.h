// One port with gRPC services: how every gRPC server of this program is opened, and how it ends.
//
//   rpc::PortOptions options{.address = "[::]:9977"};
//   absl::StatusOr<std::unique_ptr<rpc::Port>> port = rpc::Port::Open(options, {&service});
//
// No other process shares the port; connections that are dead are noticed by keepalive, and clients may ping as often
// as Envoys do. Responses have no bound. Nothing compressed is taken: who sends it gets UNIMPLEMENTED.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace k8sgw::rpc {

constexpr size_t kNoBound = std::numeric_limits<size_t>::max();

struct PortOptions {
  // "127.0.0.1:9977", "[::]:9977", "unix:/path"; port 0 picks a free one. "[::]" as in src/base/address.h.
  std::string address;
  // Largest request that is read, in bytes; -1 for any.
  int max_request_bytes = 4 << 20;
  // Of all calls together, what has come of requests, and what gRPC itself takes for connections and calls; above that,
  // calls are ended, of one connection after the other. max_request_bytes is no such bound: gRPC compares it with a
  // request when all of that has come, and until then takes whatever length is told.
  size_t max_held_bytes = size_t{256} << 20;
  // Of one connection, at the same time; 0 for any.
  int max_calls_of_connection = 0;
  // Offers health and reflection, too. Without it the port offers nothing but its services.
  bool describes_itself = true;
};

class Port {
 public:
  // Services outlive it. Health says NOT_SERVING at first. Errors: the address cannot be bound (the text names it).
  static absl::StatusOr<std::unique_ptr<Port>> Open(const PortOptions& options,
                                                    std::initializer_list<grpc::Service*> services);
  // As Shutdown.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // The bound TCP port.
  int number() const { return number_; }
  // What health says of this service, "" for the whole; nothing when there is no health.
  void SetServing(bool serving, const std::string& service = "");
  // Cuts what is open, and returns when all of gRPC's threads have left. May be called again.
  void Shutdown();

 private:
  explicit Port(std::unique_ptr<grpc::Server> server, int number);

  std::unique_ptr<grpc::Server> server_;
  int number_ = 0;
};

}  // namespace k8sgw::rpc
