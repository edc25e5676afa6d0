#include "src/access_log/server.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

#include "envoy/data/accesslog/v3/accesslog.proto.h"
#include "envoy/service/accesslog/v3/als.grpc.pb.h"
#include "envoy/service/accesslog/v3/als.proto.h"
#include "src/access_log/entry.h"
#include "src/rpc/port.h"

namespace k8sgw::access_log {
namespace {

namespace alsv3 = ::envoy::service::accesslog::v3;
using alsv3::StreamAccessLogsMessage;
using alsv3::StreamAccessLogsResponse;

// Lines of one message go to the sink in blocks of about this size.
constexpr size_t kBlockBytes = 64 << 10;
// Each may hold a message: an Envoy has a few of them for each worker.
constexpr uint64_t kMaxStreams = 2000;
constexpr int kMaxMessageBytes = 4 << 20;
// Of messages that wait, as they are in memory: those of 2000 streams, when Envoys send 16 KiB at once, as they do
// unless they are told otherwise. The rest is for gRPC.
constexpr size_t kMaxHeldBytes = size_t{256} << 20;
constexpr size_t kMaxReceivedBytes = size_t{256} << 20;

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// What streams share.
struct Shared {
  Sink& sink;
  Metrics& metrics;
  std::atomic<uint64_t> streams{0};
  std::atomic<int64_t> last_ms{NowMs()};
  // Bytes of messages that wait for room.
  std::atomic<size_t> held{0};
};

// gRPC calls the reactions one at a time; while the stream waits for room there are none but the end of the call, for
// which nothing is to be done before the sink has called back.
class Stream final : public grpc::ServerReadReactor<StreamAccessLogsMessage> {
 public:
  explicit Stream(Shared& shared) : shared_(shared) {
    if (++shared_.streams > kMaxStreams) {
      Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "there are too many streams"});
    } else {
      StartRead(&message_);
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    shared_.last_ms = NowMs();
    if (message_.has_identifier() && !begun_) Begin();
    next_ = 0;
    Pump();
  }

  void OnDone() override {
    --shared_.streams;
    delete this;
  }

 private:
  void Begin() {
    begun_ = true;
    sender_ = ReadSender(message_.identifier());
    AppendStream(message_.identifier(), beginning_);
  }

  // Gives the rest of the message to the sink, as far as there is room, and then reads the next one.
  void Pump() {
    const int size = message_.has_http_logs()  ? message_.http_logs().log_entry_size()
                     : message_.has_tcp_logs() ? message_.tcp_logs().log_entry_size()
                                               : 0;
    while (next_ < size || !beginning_.empty()) {
      if (held_ == 0 && shared_.sink.IsFull() && !Hold()) return Lose(static_cast<uint64_t>(size - next_));
      if (!shared_.sink.HasRoom([this] { Pump(); })) return;
      std::string lines = std::exchange(beginning_, {});
      const int first = next_;
      for (; next_ < size && lines.size() < kBlockBytes; ++next_) Append(lines);
      shared_.sink.Put(std::move(lines), static_cast<uint64_t>(next_ - first));
    }
    shared_.last_ms = NowMs();
    Release();
    StartRead(&message_);
  }

  // The message has to wait; false when there is no place for it.
  bool Hold() {
    held_ = message_.SpaceUsedLong();
    return (shared_.held += held_) <= kMaxHeldBytes;
  }

  // What was read takes much more than it did on its way, and would be kept for the next one.
  void Release() {
    message_ = {};
    shared_.held -= std::exchange(held_, 0);
  }

  void Lose(uint64_t entries) {
    Release();
    shared_.sink.CountLost(entries);
    Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too much waits to be written"});
  }

  void Append(std::string& lines) {
    if (message_.has_http_logs()) {
      shared_.metrics.Count(AppendHttp(sender_, message_.http_logs().log_entry(next_), lines));
    } else {
      AppendTcp(sender_, message_.tcp_logs().log_entry(next_), lines);
    }
  }

  Shared& shared_;
  StreamAccessLogsMessage message_;
  Sender sender_;
  // Whether somebody has said who sends; what is said later counts no more.
  bool begun_ = false;
  // The line about that, until there is room for it.
  std::string beginning_;
  // The entry of the message that is next.
  int next_ = 0;
  // Of Shared::held, while the message waits.
  size_t held_ = 0;
};

using Base = alsv3::AccessLogService::WithCallbackMethod_StreamAccessLogs<alsv3::AccessLogService::Service>;

class Service final : public Base {
 public:
  explicit Service(Shared& shared) : shared_(shared) {}
  grpc::ServerReadReactor<StreamAccessLogsMessage>* StreamAccessLogs(grpc::CallbackServerContext*,
                                                                     StreamAccessLogsResponse*) override {
    return new Stream(shared_);
  }

 private:
  Shared& shared_;
};

class GrpcServer final : public Server {
 public:
  GrpcServer(Sink& sink, Metrics& metrics) : shared_{sink, metrics}, service_(shared_) {}
  ~GrpcServer() override { Shutdown(); }

  absl::Status Start(const ServerOptions& options) {
    absl::StatusOr<std::unique_ptr<rpc::Port>> port = rpc::Port::Open(
        {.address = options.address, .max_request_bytes = kMaxMessageBytes, .max_held_bytes = kMaxReceivedBytes},
        {&service_});
    if (!port.ok()) return port.status();
    port_ = *std::move(port);
    service_name_ = options.service_name;
    SetServing(true);
    return absl::OkStatus();
  }

  int port() const override { return port_->number(); }
  uint64_t streams() const override { return shared_.streams; }
  int64_t quiet_ms() const override { return NowMs() - shared_.last_ms; }
  void StopServing() override { SetServing(false); }
  void Shutdown() override {
    if (port_) port_->Shutdown();
  }

 private:
  void SetServing(bool serving) {
    port_->SetServing(serving);
    port_->SetServing(serving, service_name_);
  }

  Shared shared_;
  Service service_;
  std::unique_ptr<rpc::Port> port_;
  std::string service_name_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Sink& sink, Metrics& metrics) {
  auto server = std::make_unique<GrpcServer>(sink, metrics);
  const absl::Status status = server->Start(options);
  if (!status.ok()) return status;
  return server;
}

}  // namespace k8sgw::access_log
