#include "src/rpc/port.h"

#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "src/rpc/reflection.h"

namespace k8sgw::rpc {
namespace {

constexpr int kKeepaliveMs = 30'000;
// Envoys may be told to ping more often than gRPC would bear.
constexpr int kLeastPingMs = 5'000;

// The plugins are global: another server of this process may have switched reflection on.
class NoPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override { plugins->clear(); }
};

class WithReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->push_back(MakeReflection());
  }
};

// Whatever the order in which servers are opened, the switches are thrown before the first one.
void EnableDescriptions() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

}  // namespace

Port::Port(std::unique_ptr<grpc::Server> server, int number) : server_(std::move(server)), number_(number) {}

Port::~Port() { Shutdown(); }

absl::StatusOr<std::unique_ptr<Port>> Port::Open(const PortOptions& options,
                                                 std::initializer_list<grpc::Service*> services) {
  EnableDescriptions();
  grpc::ServerBuilder builder;
  int number = 0;
  builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &number);
  builder.SetMaxReceiveMessageSize(options.max_request_bytes);
  builder.SetMaxSendMessageSize(-1);
  // A thousandth of what it becomes comes compressed, and its length is checked as it comes, before anybody is asked
  // for: nobody needs it, so such calls are UNIMPLEMENTED.
  for (const grpc_compression_algorithm algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  if (options.describes_itself) {
    builder.SetOption(std::make_unique<WithReflection>());
  } else {
    builder.SetOption(std::make_unique<NoPlugins>());
    builder.SetOption(std::make_unique<grpc::HealthCheckServiceServerBuilderOption>(nullptr));
  }
  if (options.max_held_bytes != kNoBound) {
    builder.SetResourceQuota(grpc::ResourceQuota(options.address).Resize(options.max_held_bytes));
  }
  // Who is not listened to may send as much as a window holds. gRPC would guess how large one has to be for the
  // network, begin with 4 MiB when there is memory, and give as much to each call.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // Another process must not share the port: two control planes would answer in turns.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kLeastPingMs);
  if (options.max_calls_of_connection > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_calls_of_connection);
  }
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || (number == 0 && !options.address.starts_with("unix:"))) {
    return absl::UnavailableError("cannot listen on " + options.address + ": is the port in use by another process?");
  }
  std::unique_ptr<Port> port(new Port(std::move(server), number));
  port->SetServing(false);
  return port;
}

void Port::SetServing(bool serving, const std::string& service) {
  grpc::HealthCheckServiceInterface* health = server_ ? server_->GetHealthCheckService() : nullptr;
  if (!health) return;
  service.empty() ? health->SetServingStatus(serving) : health->SetServingStatus(service, serving);
}

void Port::Shutdown() {
  if (!server_) return;
  // Cancels what is still open after the deadline; streams never end by themselves.
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

}  // namespace k8sgw::rpc
