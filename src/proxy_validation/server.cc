#include "src/proxy_validation/server.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <utility>

#include "api/gloo/grpc/validation.grpc.pb.h"
#include "src/model/inputs.h"
#include "src/proxy_validation/subscribers.h"
#include "src/proxy_validation/validate.h"
#include "src/rpc/port.h"

namespace k8sgw::proxy_validation {
namespace {

using gloov1::GlooValidationServiceRequest;
using gloov1::GlooValidationServiceResponse;
using grpc::CallbackServerContext;
using grpc::StatusCode;

// Requests that wait for the pipeline's thread. Each holds its message.
constexpr size_t kMostWaiting = 64;
constexpr int kMostCallsOfConnection = 100;

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<StatusCode>(status.code()), std::string(status.message())};
}

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
  explicit Instance(std::shared_ptr<Judge> judge) : waiting_(std::make_shared<Waiting>(std::move(judge))) {}
  ~Instance() override {
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

  Subscribers::Reactor* NotifyOnResync(CallbackServerContext*, const gloov1::NotifyOnResyncRequest*) override {
    return subscribers_.Add();
  }

  grpc::ServerUnaryReactor* Validate(CallbackServerContext* context, const GlooValidationServiceRequest* request,
                                     GlooValidationServiceResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    absl::StatusOr<Trial> trial = ReadTrial(*request);
    if (trial.ok()) {
      waiting_->Add({context, request, response, reactor, std::move(*trial)});
    } else {
      reactor->Finish(ToGrpc(trial.status()));
    }
    return reactor;
  }

 private:
  // Outlives the instance: what is posted may come late.
  class Waiting : public std::enable_shared_from_this<Waiting> {
   public:
    explicit Waiting(std::shared_ptr<Judge> judge) : judge_(std::move(judge)) {}

    void Add(Call call) {
      grpc::Status refusal;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (closed_) {
          refusal = {StatusCode::UNAVAILABLE, "the server stops"};
        } else if (!judge_->ready) {
          refusal = {StatusCode::UNAVAILABLE, "not all objects are known yet"};
        } else if (calls_.size() >= kMostWaiting) {
          refusal = {StatusCode::RESOURCE_EXHAUSTED, "too many requests wait"};
        } else {
          calls_.push_back(std::move(call));
        }
      }
      if (!refusal.ok()) return call.reactor->Finish(std::move(refusal));
      // Each in a turn of its own, so that what else the thread has to do comes in between.
      judge_->post([self = shared_from_this()] { self->AnswerNext(); });
    }

    void Close() {
      std::deque<Call> left;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        closed_ = true;
        left.swap(calls_);
      }
      for (Call& call : left) call.reactor->Finish({StatusCode::UNAVAILABLE, "the server stops"});
    }

   private:
    void AnswerNext() {
      Call call;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (calls_.empty()) return;
        call = std::move(calls_.front());
        calls_.pop_front();
      }
      if (call.context->IsCancelled()) return call.reactor->Finish(grpc::Status::CANCELLED);
      *call.response = proxy_validation::Validate(judge_->pipeline, *call.request, call.trial);
      call.reactor->Finish(grpc::Status::OK);
    }

    const std::shared_ptr<Judge> judge_;
    std::mutex mutex_;
    bool closed_ = false;  // these are guarded by mutex_
    std::deque<Call> calls_;
  };

  const std::shared_ptr<Waiting> waiting_;
  Subscribers subscribers_;
  std::unique_ptr<rpc::Port> port_;
};

Server::Server(Pipeline& pipeline, Post post) : judge_(std::make_shared<Judge>(pipeline, std::move(post))) {}

Server::~Server() = default;

absl::Status Server::Listen(const std::string& address, int max_request_bytes) {
  auto instance = std::make_unique<Instance>(judge_);
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
