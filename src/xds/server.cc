#include "src/xds/server.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include "envoy/service/cluster/v3/cds.grpc.pb.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "envoy/service/endpoint/v3/eds.grpc.pb.h"
#include "envoy/service/listener/v3/lds.grpc.pb.h"
#include "envoy/service/route/v3/rds.grpc.pb.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"
#include "src/xds/wire.h"

namespace k8sgw::xds {
namespace {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;

constexpr int kKeepaliveMs = 30'000;
// A client with more responses than these to read is not listened to until it has read some. Of the known types there
// is never more than one each on the way; of others, a client may ask as often as it likes.
constexpr size_t kMostQueued = 16;

class StreamReactor;

// The engine, and the lock under which everybody calls it.
//
// Lock order: mutex, then a stream's queue. Responses are written without either: the engine only queues them and notes
// the stream in `ready`; whoever called the engine writes when it has let go of the lock. A response of 10,000 resources
// thus holds up nobody but its own stream.
struct Core {
  explicit Core(EngineOptions options) : engine(std::move(options)) {}

  std::mutex mutex;
  Engine engine;  // guarded by mutex
  // Wakes the thread that keeps the engine's deadlines, when the next one is no longer the one that it waits for.
  std::condition_variable deadline_changed;
  std::optional<Time> awaited_deadline;  // guarded by mutex
  bool stopping = false;
  std::vector<std::shared_ptr<StreamReactor>> ready;  // guarded by mutex

  // Calls work(engine) under the lock, then lets those streams write that were given something.
  void Call(const std::function<void(Engine&)>& work);
};

// One stream. gRPC calls the reactions one at a time, but a response may be handed over by any thread.
class StreamReactor final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  static StreamReactor* Open(Core& core, StreamOptions options) {
    auto stream = std::make_shared<StreamReactor>(core, options.delta);
    stream->self_ = stream;
    core.Call([&](Engine& engine) {
      stream->id_ = engine.Open(options, [&core, raw = stream.get()](Response response) {
        raw->Enqueue(std::move(response));
        core.ready.push_back(raw->self_);
      });
    });
    stream->StartRead(&stream->request_bytes_);
    return stream.get();
  }

  StreamReactor(Core& core, bool delta) : core_(core), delta_(delta) {}

  void OnReadDone(bool ok) override {
    Request request;
    if (!ok) return Close(grpc::Status::OK);
    if (!(delta_ ? ParseDeltaRequest(request_bytes_, &request) : ParseStateRequest(request_bytes_, &request))) {
      return Close(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the message is no discovery request"));
    }
    bool wake = false;
    core_.Call([&](Engine& engine) {
      engine.Receive(id_, request, std::chrono::steady_clock::now());
      wake = engine.NextDeadline() != core_.awaited_deadline;
    });
    if (wake) core_.deadline_changed.notify_one();
    request_bytes_.Clear();
    std::lock_guard<std::mutex> lock(queue_mutex_);
    read_waits_ = true;
    ReadNext();
  }

  void OnWriteDone(bool ok) override {
    {
      std::lock_guard<std::mutex> lock(queue_mutex_);
      writing_ = false;
    }
    if (ok) WriteNext();
  }

  void OnCancel() override { Close(grpc::Status::CANCELLED); }

  // Others may be about to look whether there is something to write: the last of them deletes.
  void OnDone() override { const auto last = std::move(self_); }

  // Starts the next write unless one is under way.
  void WriteNext() {
    Response response;
    {
      std::lock_guard<std::mutex> lock(queue_mutex_);
      if (writing_ || finished_ || queue_.empty()) return;
      writing_ = true;
      response = std::move(queue_.front());
      queue_.pop_front();
      ReadNext();
    }
    ByteBuffer bytes = delta_ ? WriteDeltaResponse(response) : WriteStateResponse(response);
    std::lock_guard<std::mutex> lock(queue_mutex_);
    // Nothing may be started after Finish.
    if (finished_) return;
    response_bytes_.Swap(&bytes);
    StartWrite(&response_bytes_);
  }

 private:
  // Listens on when the queue is short; called with queue_mutex_.
  void ReadNext() {
    if (!read_waits_ || finished_ || queue_.size() >= kMostQueued) return;
    read_waits_ = false;
    StartRead(&request_bytes_);
  }

  // Called by the engine: only queues.
  void Enqueue(Response response) {
    std::lock_guard<std::mutex> lock(queue_mutex_);
    queue_.push_back(std::move(response));
  }

  void Close(grpc::Status status) {
    core_.Call([&](Engine& engine) { engine.Close(id_); });
    std::lock_guard<std::mutex> lock(queue_mutex_);
    if (finished_) return;
    finished_ = true;
    Finish(std::move(status));
  }

  Core& core_;
  const bool delta_;
  StreamId id_ = 0;
  std::shared_ptr<StreamReactor> self_;  // until gRPC is done with it
  ByteBuffer request_bytes_;
  ByteBuffer response_bytes_;  // owned by gRPC while writing_
  std::mutex queue_mutex_;
  std::deque<Response> queue_;  // these four are guarded by queue_mutex_
  bool read_waits_ = false;
  bool writing_ = false;
  bool finished_ = false;
};

void Core::Call(const std::function<void(Engine&)>& work) {
  std::vector<std::shared_ptr<StreamReactor>> to_write;
  {
    std::lock_guard<std::mutex> lock(mutex);
    work(engine);
    to_write.swap(ready);
  }
  for (const auto& stream : to_write) stream->WriteNext();
}

grpc::ServerUnaryReactor* AnswerFetch(Core& core, Type type, CallbackServerContext* context, const ByteBuffer* in, ByteBuffer* out) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Request request;
  if (!ParseStateRequest(*in, &request)) {
    reactor->Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the message is no discovery request"));
    return reactor;
  }
  if (request.type_url.empty()) request.type_url = TypeUrl(type);
  std::optional<Response> response;
  {
    std::lock_guard<std::mutex> lock(core.mutex);
    response = core.engine.Fetch(request, std::chrono::steady_clock::now());
  }
  if (!response) {
    reactor->Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "nothing newer than the given version"));
    return reactor;
  }
  *out = WriteStateResponse(*response);
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

namespace ads = ::envoy::service::discovery::v3;
using AdsBase = ads::AggregatedDiscoveryService::WithRawCallbackMethod_StreamAggregatedResources<
    ads::AggregatedDiscoveryService::WithRawCallbackMethod_DeltaAggregatedResources<ads::AggregatedDiscoveryService::Service>>;

class AdsService final : public AdsBase {
 public:
  explicit AdsService(Core& core) : core_(core) {}
  grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* StreamAggregatedResources(CallbackServerContext*) override {
    return StreamReactor::Open(core_, {.delta = false, .single_type = std::nullopt});
  }
  grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* DeltaAggregatedResources(CallbackServerContext*) override {
    return StreamReactor::Open(core_, {.delta = true, .single_type = std::nullopt});
  }

 private:
  Core& core_;
};

// The single-type services differ in nothing but names.
#define K8SGW_XDS_SERVICE(Class, package, Api, Name, kType)                                                             \
  class Class final                                                                                                     \
      : public package::Api::WithRawCallbackMethod_Stream##Name<package::Api::WithRawCallbackMethod_Delta##Name< \
            package::Api::WithRawCallbackMethod_Fetch##Name<package::Api::Service>>> {                          \
   public:                                                                                                              \
    explicit Class(Core& core) : core_(core) {}                                                                         \
    grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* Stream##Name(CallbackServerContext*) override {                    \
      return StreamReactor::Open(core_, {.delta = false, .single_type = kType});                                         \
    }                                                                                                                   \
    grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* Delta##Name(CallbackServerContext*) override {                     \
      return StreamReactor::Open(core_, {.delta = true, .single_type = kType});                                          \
    }                                                                                                                   \
    grpc::ServerUnaryReactor* Fetch##Name(CallbackServerContext* context, const ByteBuffer* in, ByteBuffer* out)        \
        override {                                                                                                      \
      return AnswerFetch(core_, kType, context, in, out);                                                               \
    }                                                                                                                   \
                                                                                                                        \
   private:                                                                                                             \
    Core& core_;                                                                                                        \
  }
K8SGW_XDS_SERVICE(LdsService, ::envoy::service::listener::v3, ListenerDiscoveryService, Listeners, Type::kListener);
K8SGW_XDS_SERVICE(RdsService, ::envoy::service::route::v3, RouteDiscoveryService, Routes, Type::kRoute);
K8SGW_XDS_SERVICE(CdsService, ::envoy::service::cluster::v3, ClusterDiscoveryService, Clusters, Type::kCluster);
K8SGW_XDS_SERVICE(EdsService, ::envoy::service::endpoint::v3, EndpointDiscoveryService, Endpoints, Type::kEndpoint);
K8SGW_XDS_SERVICE(SdsService, ::envoy::service::secret::v3, SecretDiscoveryService, Secrets, Type::kSecret);
#undef K8SGW_XDS_SERVICE

class GrpcServer final : public Server {
 public:
  explicit GrpcServer(EngineOptions options)
      : core_(std::move(options)), ads_(core_), lds_(core_), rds_(core_), cds_(core_), eds_(core_), sds_(core_) {}

  ~GrpcServer() override { Shutdown(); }

  absl::Status Start(const ServerOptions& options) {
    static std::once_flag once;
    std::call_once(once, [] {
      grpc::EnableDefaultHealthCheckService(true);
      grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    });
    grpc::ServerBuilder builder;
    builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxReceiveMessageSize(options.max_request_bytes);
    builder.SetMaxSendMessageSize(-1);
    // Another process must not share the port: two control planes would answer in turns.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
    for (grpc::Service* service : std::initializer_list<grpc::Service*>{&ads_, &lds_, &rds_, &cds_, &eds_, &sds_}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    if (!server_ || (port_ == 0 && !options.address.starts_with("unix:"))) {
      server_.reset();
      return absl::UnavailableError("cannot listen on " + options.address + ": is the port in use by another process?");
    }
    server_->GetHealthCheckService()->SetServingStatus(false);
    ticker_ = std::thread([this] { KeepDeadlines(); });
    return absl::OkStatus();
  }

  int port() const override { return port_; }

  void Apply(const std::string& role, const Update& update) override {
    core_.Call([&](Engine& engine) { engine.Apply(role, update, std::chrono::steady_clock::now()); });
  }

  void SetServing() override { server_->GetHealthCheckService()->SetServingStatus(true); }

  EngineStats stats() const override {
    std::lock_guard<std::mutex> lock(core_.mutex);
    return core_.engine.stats();
  }

  bool InSync(const std::string& role) const override {
    std::lock_guard<std::mutex> lock(core_.mutex);
    return core_.engine.InSync(role);
  }

  void Shutdown() override {
    if (!server_) return;
    {
      std::lock_guard<std::mutex> lock(core_.mutex);
      core_.stopping = true;
    }
    core_.deadline_changed.notify_one();
    // Cancels what is still open after the deadline; streams never end by themselves.
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    ticker_.join();
    server_.reset();
  }

 private:
  void KeepDeadlines() {
    std::unique_lock<std::mutex> lock(core_.mutex);
    while (!core_.stopping) {
      core_.awaited_deadline = core_.engine.NextDeadline();
      if (core_.awaited_deadline) {
        core_.deadline_changed.wait_until(lock, *core_.awaited_deadline);
      } else {
        core_.deadline_changed.wait(lock);
      }
      lock.unlock();
      core_.Call([](Engine& engine) { engine.Tick(std::chrono::steady_clock::now()); });
      lock.lock();
    }
  }

  mutable Core core_;
  AdsService ads_;
  LdsService lds_;
  RdsService rds_;
  CdsService cds_;
  EdsService eds_;
  SdsService sds_;
  std::unique_ptr<grpc::Server> server_;
  std::thread ticker_;
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  auto server = std::make_unique<GrpcServer>(options.engine);
  const absl::Status status = server->Start(options);
  if (!status.ok()) return status;
  return server;
}

}  // namespace k8sgw::xds
