#include "src/proxy_validation/server.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "api/gloo/grpc/validation.grpc.pb.h"
#include "src/model/inputs.h"
#include "src/proxy_validation/subscribers.h"
#include "src/proxy_validation/validate.h"
#include "src/rpc/one_request.h"
#include "src/rpc/port.h"
#include "src/rpc/waiting_calls.h"
#include "src/xds/grpc_caller.h"

namespace k8sgw::proxy_validation {
namespace {

using gloov1::GlooValidationServiceRequest;
using gloov1::GlooValidationServiceResponse;
using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using grpc::StatusCode;
using xds::ToGrpc;

constexpr int kMostCallsOfConnection = 100;

// The places of the methods in their service.
constexpr int kNotifyOnResync = 0;
constexpr int kValidate = 1;

// Two of the largest requests on their way, and no less than this; any number of any size, when any size is allowed.
constexpr size_t kMaxHeldBytes = size_t{256} << 20;
size_t MaxHeldBytes(int max_request_bytes) {
  if (max_request_bytes < 0) return rpc::kNoBound;
  return std::max(kMaxHeldBytes, 2 * static_cast<size_t>(max_request_bytes));
}

// One call of Validate.
struct Call {
  CallbackServerContext* context = nullptr;
  rpc::OneRequest* reactor = nullptr;
  std::unique_ptr<GlooValidationServiceRequest> request;
  Trial trial;
};

void Answer(const GlooValidationServiceResponse& response, rpc::OneRequest& call) {
  ByteBuffer bytes;
  bool own = false;
  const grpc::Status status =
      grpc::GenericSerialize<grpc::ProtoBufferWriter, GlooValidationServiceResponse>(response, &bytes, &own);
  status.ok() ? call.Answer(std::move(bytes)) : call.Finish(status);
}

}  // namespace

// What may be posted when the server is gone.
struct Server::Judge {
  Judge(Pipeline& p, Post post_to_pipeline) : pipeline(p), post(std::move(post_to_pipeline)) {}

  Pipeline& pipeline;
  const Post post;
  std::atomic<bool> ready{false};
};

// One bound port: the service, and the calls that wait.
class Server::Instance final : public gloov1::GlooValidationService::Service {
 public:
  Instance(const std::shared_ptr<Judge>& judge, const xds::Gate::Options& gate)
      : gate_(gate), waiting_(std::make_shared<Waiting>(OwnerOf(judge))) {
    MarkMethodStreamed(kNotifyOnResync, nullptr);
    MarkMethodRawCallback(kNotifyOnResync, new rpc::OneRequestHandler([this](CallbackServerContext* context) {
                            return BeginNotifications(*context);
                          }));
    MarkMethodStreamed(kValidate, nullptr);
    MarkMethodRawCallback(kValidate, new rpc::OneRequestHandler(
                                         [this](CallbackServerContext* context) { return BeginValidation(*context); }));
  }
  ~Instance() override {
    gate_.Close();
    waiting_->Close();
    if (port_) port_->Shutdown();
  }

  absl::Status Start(const std::string& address, int max_request_bytes) {
    absl::StatusOr<std::unique_ptr<rpc::Port>> port =
        rpc::Port::Open({.address = address,
                         .max_request_bytes = max_request_bytes,
                         .max_held_bytes = MaxHeldBytes(max_request_bytes),
                         .max_calls_of_connection = kMostCallsOfConnection,
                         .describes_itself = false},
                        {this});
    if (!port.ok()) return port.status();
    port_ = *std::move(port);
    return absl::OkStatus();
  }

  int port() const { return port_ ? port_->number() : 0; }
  void Notify() { subscribers_.Notify(); }

 private:
  using Waiting = rpc::WaitingCalls<Call>;

  // The request says nothing, so it is not read.
  Subscribers::Reactor* BeginNotifications(const CallbackServerContext& context) {
    return subscribers_.Add([this, caller = xds::CallerOf(context)](Subscribers::Admitted done) {
      gate_.Ask(caller, [done = std::move(done)](const absl::Status& status) { done(ToGrpc(status)); });
    });
  }

  rpc::OneRequest* BeginValidation(CallbackServerContext& context) {
    auto* reactor = new rpc::OneRequest([waiting = waiting_, &context](rpc::OneRequest& its, ByteBuffer& in) {
      auto request = std::make_unique<GlooValidationServiceRequest>();
      if (!grpc::GenericDeserialize<grpc::ProtoBufferReader, GlooValidationServiceRequest>(&in, request.get()).ok()) {
        return its.Finish({StatusCode::INVALID_ARGUMENT, "the message is no GlooValidationServiceRequest"});
      }
      absl::StatusOr<Trial> trial = ReadTrial(*request);
      if (!trial.ok()) return its.Finish(ToGrpc(trial.status()));
      waiting->Add({&context, &its, std::move(request), std::move(*trial)});
    });
    gate_.Ask(xds::CallerOf(context), [reactor](const absl::Status& status) { reactor->Admit(ToGrpc(status)); });
    return reactor;
  }

  static Waiting::Owner OwnerOf(const std::shared_ptr<Judge>& judge) {
    return {.post = judge->post,
            .is_ready = [judge] { return judge->ready.load(); },
            .answer =
                [judge](Call& call) {
                  if (call.context->IsCancelled()) return call.reactor->Finish(grpc::Status::CANCELLED);
                  Answer(proxy_validation::Validate(judge->pipeline, *call.request, call.trial), *call.reactor);
                }};
  }

  xds::Gate gate_;
  const std::shared_ptr<Waiting> waiting_;
  Subscribers subscribers_;
  std::unique_ptr<rpc::Port> port_;
};

Server::Server(Pipeline& pipeline, Post post, xds::Gate::Options gate)
    : gate_(std::move(gate)), judge_(std::make_shared<Judge>(pipeline, std::move(post))) {}

Server::~Server() = default;

absl::Status Server::Listen(const std::string& address, int max_request_bytes) {
  auto instance = std::make_unique<Instance>(judge_, gate_);
  absl::Status status = instance->Start(address, max_request_bytes);
  if (status.ok()) instance_ = std::move(instance);
  return status;
}

void Server::Stop() { instance_.reset(); }

int Server::port() const { return instance_ ? instance_->port() : 0; }

void Server::SetReady() { judge_->ready = true; }

void Server::AfterCommit() {
  const Pipeline& pipeline = judge_->pipeline;
  // There is none when nothing differs, and then nodes still show an older change.
  if (std::exchange(revision_, pipeline.graph().revision()) == pipeline.graph().revision()) return;
  const Inputs& inputs = pipeline.inputs();
  const gateway::Translation& gateway = pipeline.gateway();
  const auto changed = [](const flow::Node& node) { return !node.changed_slots().empty(); };
  if (changed(inputs.upstreams) || changed(inputs.upstream_groups) || changed(inputs.secrets) ||
      changed(gateway.listeners()) || changed(gateway.bindings()) || changed(gateway.virtual_hosts())) {
    if (instance_) instance_->Notify();
  }
}

}  // namespace k8sgw::proxy_validation
