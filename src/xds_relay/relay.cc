#include "src/xds_relay/relay.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <utility>

#include "src/base/text.h"
#include "src/xds/server.h"
#include "src/xds_relay/session.h"

namespace k8sgw::xds_relay {
namespace {

namespace ads = ::envoy::service::discovery::v3;

constexpr int kKeepaliveMs = 30'000;
constexpr int kReconnectMs = 250;
constexpr int kLongestReconnectMs = 2'000;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target, const std::string& authority = "") {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  if (!authority.empty()) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, authority);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kLongestReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestReconnectMs);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

class GrpcRelay final : public Relay, public SessionHost, public ads::AggregatedDiscoveryService::Service {
 public:
  GrpcRelay(RelayOptions options, std::unique_ptr<Memory> memory)
      : options_(std::move(options)),
        memory_(std::move(memory)),
        upstream_(ads::AggregatedDiscoveryService::NewStub(MakeChannel(options_.upstream, options_.authority))) {}

  ~GrpcRelay() override {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  absl::Status Listen() {
    const std::string path = SocketIn(options_.folder);
    unlink(path.c_str());
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
    builder.SetMaxReceiveMessageSize(-1);
    builder.SetMaxSendMessageSize(-1);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (!server_) return absl::UnavailableError(Cat("the socket ", path, " cannot be made"));
    chmod(path.c_str(), S_IRUSR | S_IWUSR);
    return absl::OkStatus();
  }

  grpc::Status DeltaAggregatedResources(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<ads::DeltaDiscoveryResponse, ads::DeltaDiscoveryRequest>* stream) override {
    Session<ads::DeltaDiscoveryRequest, ads::DeltaDiscoveryResponse>(*this, *context, *stream).Run();
    return grpc::Status::CANCELLED;
  }
  grpc::Status StreamAggregatedResources(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<ads::DiscoveryResponse, ads::DiscoveryRequest>* stream) override {
    Session<ads::DiscoveryRequest, ads::DiscoveryResponse>(*this, *context, *stream).Run();
    return grpc::Status::CANCELLED;
  }

  Memory& memory() override { return *memory_; }
  Stub& upstream() override { return *upstream_; }
  bool IsServed() const override { return served_; }
  void SetServed() override { served_ = true; }
  std::chrono::milliseconds patience() const override { return options_.patience; }
  void Log(const std::string& what, bool is_error) override { options_.log(what, is_error); }

  Stub* FromMemory(const std::string& role) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (kept_) return kept_.get();
    const std::string path = options_.folder + "/kept.sock";
    unlink(path.c_str());
    xds::ServerOptions server;
    server.address = "unix:" + path;
    server.engine.on_nack = [this](const xds::Nack& nack) {
      options_.log(Cat("Envoy refuses what it had last: ", nack.message), true);
    };
    auto started = xds::Server::Start(std::move(server));
    if (!started.ok()) {
      options_.log(std::string(started.status().message()), true);
      return nullptr;
    }
    chmod(path.c_str(), S_IRUSR | S_IWUSR);
    kept_server_ = *std::move(started);
    kept_server_->Apply(role, memory_->All());
    kept_ = ads::AggregatedDiscoveryService::NewStub(MakeChannel("unix:" + path));
    return kept_.get();
  }

 private:
  const RelayOptions options_;
  const std::unique_ptr<Memory> memory_;
  const std::unique_ptr<Stub> upstream_;
  std::atomic<bool> served_{false};
  std::mutex mutex_;
  std::unique_ptr<xds::Server> kept_server_;  // these are guarded by mutex_
  std::unique_ptr<Stub> kept_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Relay>> Relay::Start(RelayOptions options) {
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  const auto log = options.log;
  auto memory = Memory::Open(options.folder + "/last-good-xds",
                             [log](const std::string& what) { log("what Envoy has is not kept: " + what, true); });
  if (!memory.ok()) return memory.status();
  auto relay = std::make_unique<GrpcRelay>(std::move(options), *std::move(memory));
  if (const absl::Status status = relay->Listen(); !status.ok()) return status;
  return relay;
}

}  // namespace k8sgw::xds_relay
