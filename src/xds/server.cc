#include "src/xds/server.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <utility>

#include "envoy/service/cluster/v3/cds.grpc.pb.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "envoy/service/endpoint/v3/eds.grpc.pb.h"
#include "envoy/service/listener/v3/lds.grpc.pb.h"
#include "envoy/service/route/v3/rds.grpc.pb.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"
#include "src/rpc/one_request.h"
#include "src/rpc/port.h"
#include "src/xds/grpc_caller.h"
#include "src/xds/hub.h"
#include "src/xds/shared_bodies.h"
#include "src/xds/wire.h"

namespace k8sgw::xds {
namespace {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;

// A connection with a stream takes less than 32 KiB of it, so there is room for more than 10,000 Envoys, and for a few
// of the largest requests.
constexpr size_t kMaxHeldBytes = size_t{512} << 20;

grpc::Status NoRequest() {
  return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the message is no discovery request");
}

// What all streams of a server share.
struct Served {
  explicit Served(HubOptions options) : hub(std::move(options)) {}
  SharedBodies bodies;
  Hub hub;
};

// gRPC calls the reactions one at a time, but a response may be handed over by any thread.
class GrpcStream final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>, public Stream {
 public:
  static GrpcStream* Start(Served& served, const CallbackServerContext& context, StreamOptions options) {
    const auto stream = std::make_shared<GrpcStream>(served, options.delta);
    stream->self_ = stream;
    stream->Open(options, CallerOf(context));
    return stream.get();
  }

  GrpcStream(Served& served, bool delta) : Stream(served.hub), bodies_(served.bodies), delta_(delta) {
    bodies_.StreamOpened();
  }
  ~GrpcStream() override { bodies_.StreamClosed(); }

  void OnReadDone(bool ok) override {
    Request request;
    if (!ok) return End(grpc::Status::OK);
    if (!(delta_ ? ParseDeltaRequest(request_bytes_, &request) : ParseStateRequest(request_bytes_, &request))) {
      return End(NoRequest());
    }
    request_bytes_.Clear();
    Receive(request);
  }

  void OnWriteDone(bool ok) override {
    // What was sent is not kept: it may be large, and streams are many.
    response_bytes_.Clear();
    if (ok) Sent();
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnDone() override { const auto last = std::move(self_); }

 private:
  void Prepare(const Response& response) override {
    const auto body = bodies_.Of(response, delta_);
    response_bytes_ = delta_ ? WriteDeltaResponse(response, *body) : WriteStateResponse(response, *body);
  }
  void StartSending() override { StartWrite(&response_bytes_); }
  void StartListening() override { StartRead(&request_bytes_); }
  void StartRefusing(const absl::Status& status) override { Finish(ToGrpc(status)); }

  // Nothing may be started after Finish, which Close has seen to.
  void End(grpc::Status status) {
    if (Close()) Finish(std::move(status));
  }

  SharedBodies& bodies_;
  const bool delta_;
  std::shared_ptr<GrpcStream> self_;  // until gRPC is done with it
  ByteBuffer request_bytes_;
  ByteBuffer response_bytes_;
};

// Of a caller who is nobody, not even the request is read.
rpc::OneRequest* AnswerFetch(Hub& hub, Type type, const CallbackServerContext& context) {
  const Caller caller = CallerOf(context);
  const auto identity = std::make_shared<Ptr<Identity>>();
  auto* call = new rpc::OneRequest([&hub, type, identity, peer = caller.peer](auto& its, ByteBuffer& in) {
    Request request;
    if (!ParseStateRequest(in, &request)) return its.Finish(NoRequest());
    in.Clear();
    if (request.type_url.empty()) request.type_url = TypeUrl(type);
    const absl::StatusOr<std::optional<Response>> answer = hub.FetchAs(*identity, peer, request);
    if (!answer.ok()) return its.Finish(ToGrpc(answer.status()));
    if (*answer) return its.Answer(WriteStateResponse(**answer));
    its.Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "nothing newer than the given version"));
  });
  hub.Recognize(caller, [call, identity](const absl::StatusOr<Ptr<Identity>>& answer) {
    if (answer.ok()) *identity = *answer;
    call->Admit(ToGrpc(answer.status()));
  });
  return call;
}

// Where Fetch stands among the methods of each service of a single type.
constexpr int kFetch = 2;

namespace ads = ::envoy::service::discovery::v3;
using AdsBase = ads::AggregatedDiscoveryService::WithRawCallbackMethod_StreamAggregatedResources<
    ads::AggregatedDiscoveryService::WithRawCallbackMethod_DeltaAggregatedResources<
        ads::AggregatedDiscoveryService::Service>>;

class AdsService final : public AdsBase {
 public:
  explicit AdsService(Served& served) : served_(served) {}
  grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* StreamAggregatedResources(CallbackServerContext* context) override {
    return GrpcStream::Start(served_, *context, {.delta = false, .single_type = std::nullopt});
  }
  grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* DeltaAggregatedResources(CallbackServerContext* context) override {
    return GrpcStream::Start(served_, *context, {.delta = true, .single_type = std::nullopt});
  }

 private:
  Served& served_;
};

// The single-type services differ in nothing but names.
#define K8SGW_XDS_SERVICE(Class, package, Api, Name, kType)                                                  \
  class Class final : public package::Api::WithRawCallbackMethod_Stream##Name<                               \
                          package::Api::WithRawCallbackMethod_Delta##Name<package::Api::Service>> {          \
   public:                                                                                                   \
    explicit Class(Served& served) : served_(served) {                                                       \
      MarkMethodStreamed(kFetch, nullptr);                                                                   \
      MarkMethodRawCallback(kFetch, new rpc::OneRequestHandler([this](CallbackServerContext* context) {      \
                              return AnswerFetch(served_.hub, kType, *context);                              \
                            }));                                                                             \
    }                                                                                                        \
    grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* Stream##Name(CallbackServerContext* context) override { \
      return GrpcStream::Start(served_, *context, {.delta = false, .single_type = kType});                   \
    }                                                                                                        \
    grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* Delta##Name(CallbackServerContext* context) override {  \
      return GrpcStream::Start(served_, *context, {.delta = true, .single_type = kType});                    \
    }                                                                                                        \
                                                                                                             \
   private:                                                                                                  \
    Served& served_;                                                                                         \
  }
K8SGW_XDS_SERVICE(LdsService, ::envoy::service::listener::v3, ListenerDiscoveryService, Listeners, Type::kListener);
K8SGW_XDS_SERVICE(RdsService, ::envoy::service::route::v3, RouteDiscoveryService, Routes, Type::kRoute);
K8SGW_XDS_SERVICE(CdsService, ::envoy::service::cluster::v3, ClusterDiscoveryService, Clusters, Type::kCluster);
K8SGW_XDS_SERVICE(EdsService, ::envoy::service::endpoint::v3, EndpointDiscoveryService, Endpoints, Type::kEndpoint);
K8SGW_XDS_SERVICE(SdsService, ::envoy::service::secret::v3, SecretDiscoveryService, Secrets, Type::kSecret);
#undef K8SGW_XDS_SERVICE

class GrpcServer final : public Server {
 public:
  explicit GrpcServer(const ServerOptions& options)
      : served_(HubOptions{options.engine, options.authenticator, options.on_refusal}),
        ads_(served_),
        lds_(served_),
        rds_(served_),
        cds_(served_),
        eds_(served_),
        sds_(served_) {}

  ~GrpcServer() override { Shutdown(); }

  absl::Status Start(const ServerOptions& options) {
    absl::StatusOr<std::unique_ptr<rpc::Port>> port = rpc::Port::Open(
        {.address = options.address, .max_request_bytes = options.max_request_bytes, .max_held_bytes = kMaxHeldBytes},
        {&ads_, &lds_, &rds_, &cds_, &eds_, &sds_});
    if (!port.ok()) return port.status();
    port_ = *std::move(port);
    return absl::OkStatus();
  }

  int port() const override { return port_ ? port_->number() : 0; }

  void Apply(const std::string& role, const Update& update) override { served_.hub.Apply(role, update); }
  void Fetch(const Caller& caller, const Request& request, Hub::Fetched done) override {
    served_.hub.Fetch(caller, request, std::move(done), true);
  }
  void ModuleReady(const std::string& role) override { served_.hub.ModuleReady(role); }
  void SetServing() override { port_->SetServing(true); }
  EngineStats stats() const override { return served_.hub.stats(); }
  ResponseCounts responses() const override { return served_.hub.responses(); }
  AccessStats access_stats() const override { return served_.hub.access_stats(); }
  bool InSync(const std::string& role) const override { return served_.hub.InSync(role); }
  std::map<std::string, Engine::RoleStreams> StreamsByRole() const override { return served_.hub.StreamsByRole(); }
  std::vector<ClientState> Clients() const override { return served_.hub.Clients(); }

  void Shutdown() override {
    if (port_) port_->Shutdown();
  }

 private:
  Served served_;
  AdsService ads_;
  LdsService lds_;
  RdsService rds_;
  CdsService cds_;
  EdsService eds_;
  SdsService sds_;
  std::unique_ptr<rpc::Port> port_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  auto server = std::make_unique<GrpcServer>(options);
  const absl::Status status = server->Start(options);
  if (!status.ok()) return status;
  return server;
}

}  // namespace k8sgw::xds
