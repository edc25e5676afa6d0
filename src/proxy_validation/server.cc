#include "src/proxy_validation/server.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <utility>

#include "api/gloo/grpc/validation.grpc.pb.h"
#include "src/model/inputs.h"
#include "src/proxy_validation/subscribers.h"
#include "src/proxy_validation/validate.h"
#include "src/rpc/port.h"
#include "src/rpc/waiting_calls.h"
#include "src/xds/grpc_caller.h"

namespace k8sgw::proxy_validation {
namespace {

using gloov1::GlooValidationServiceRequest;
using gloov1::GlooValidationServiceResponse;
using grpc::CallbackServerContext;
using xds::ToGrpc;

constexpr int kMostCallsOfConnection = 100;

// One call of Validate; the messages are gRPC's, until Finish.
struct Call {
  CallbackServerContext* context = nullptr;
  const GlooValidationServiceRequest* request = nullptr;
  GlooValidationServiceResponse* response = nullptr;
  grpc::ServerUnaryReactor* reactor = nullptr;
  Trial trial;
};

}  // namespace

// What may be posted when the server is gone.
struct Server::Judge {
  Judge(Pipeline& p, Post post_to_pipeline) : pipeline(p), post(std::move(post_to_pipeline)) {}

  Pipeline& pipeline;
  const Post post;
  std::atomic<bool> ready{false};
};

// One bound port: the service, and the calls that wait.
class Server::Instance final : public gloov1::GlooValidationService::CallbackService {
 public:
  Instance(const std::shared_ptr<Judge>& judge, const xds::Gate::Options& gate)
      : gate_(gate), waiting_(std::make_shared<Waiting>(OwnerOf(judge))) {}
  ~Instance() override {
    gate_.Close();
    waiting_->Close();
    if (port_) port_->Shutdown();
  }

  absl::Status Start(const std::string& address, int max_request_bytes) {
    absl::StatusOr<std::unique_ptr<rpc::Port>> port =
        rpc::Port::Open({.address = address,
                         .max_request_bytes = max_request_bytes,
                         .max_calls_of_connection = kMostCallsOfConnection,
                         .describes_itself = false},
                        {this});
    if (!port.ok()) return port.status();
    port_ = *std::move(port);
    return absl::OkStatus();
  }

  int port() const { return port_ ? port_->number() : 0; }
  void Notify() { subscribers_.Notify(); }

  Subscribers::Reactor* NotifyOnResync(CallbackServerContext* context, const gloov1::NotifyOnResyncRequest*) override {
    return subscribers_.Add([this, caller = xds::CallerOf(*context)](Subscribers::Admitted done) {
      gate_.Ask(caller, [done = std::move(done)](const absl::Status& status) { done(ToGrpc(status)); });
    });
  }

  grpc::ServerUnaryReactor* Validate(CallbackServerContext* context, const GlooValidationServiceRequest* request,
                                     GlooValidationServiceResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    // The messages stay until the call is finished.
    gate_.Ask(xds::CallerOf(*context),
              [waiting = waiting_, context, request, response, reactor](const absl::Status& status) {
                if (!status.ok()) return reactor->Finish(ToGrpc(status));
                absl::StatusOr<Trial> trial = ReadTrial(*request);
                if (!trial.ok()) return reactor->Finish(ToGrpc(trial.status()));
                waiting->Add({context, request, response, reactor, std::move(*trial)});
              });
    return reactor;
  }

 private:
  using Waiting = rpc::WaitingCalls<Call>;

  static Waiting::Owner OwnerOf(const std::shared_ptr<Judge>& judge) {
    return {.post = judge->post,
            .is_ready = [judge] { return judge->ready.load(); },
            .answer =
                [judge](Call& call) {
                  if (call.context->IsCancelled()) return call.reactor->Finish(grpc::Status::CANCELLED);
                  *call.response = proxy_validation::Validate(judge->pipeline, *call.request, call.trial);
                  call.reactor->Finish(grpc::Status::OK);
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
