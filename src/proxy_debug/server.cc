#include "src/proxy_debug/server.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <utility>

#include "api/gloo/grpc/debug.grpc.pb.h"
#include "api/gloo/v1/proxy.proto.h"
#include "src/proxy_debug/shown_proxies.h"
#include "src/rpc/one_request.h"
#include "src/rpc/port.h"
#include "src/rpc/waiting_calls.h"
#include "src/xds/grpc_caller.h"

namespace k8sgw::proxy_debug {
namespace {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using grpc::StatusCode;
using xds::ToGrpc;

constexpr int kMaxRequestBytes = 1 << 20;
constexpr size_t kMaxHeldBytes = size_t{64} << 20;
constexpr int kMostCallsOfConnection = 100;
// The place of the method in its service.
constexpr int kGetProxies = 0;

// ProxyEndpointResponse: proxies = 1. The messages stay alive with the slices.
ByteBuffer Write(const std::vector<Ptr<std::string>>& proxies) {
  std::vector<grpc::Slice> slices;
  for (const Ptr<std::string>& proxy : proxies) {
    std::string head = "\x0a";
    size_t length = proxy->size();
    for (; length > 0x7f; length >>= 7) head.push_back(static_cast<char>((length & 0x7f) | 0x80));
    head.push_back(static_cast<char>(length));
    slices.emplace_back(head);
    slices.emplace_back(
        const_cast<char*>(proxy->data()), proxy->size(),
        [](void* held) { delete static_cast<Ptr<std::string>*>(held); }, new Ptr<std::string>(proxy));
  }
  return ByteBuffer(slices.data(), slices.size());
}

struct Call {
  gloov1::ProxyEndpointRequest request;
  rpc::OneRequest* reactor = nullptr;
};

}  // namespace

// What may be posted when the server is gone.
struct Server::Shown {
  Shown(const Pipeline& p, Post post_to_pipeline) : pipeline(p), post(std::move(post_to_pipeline)) {}

  // The proxies of the newest revision; on the pipeline's thread.
  const ShownProxies& Now() {
    if (const uint64_t now = pipeline.graph().revision(); !proxies || revision != now) {
      proxies.emplace(Show(pipeline.AssembleProxies()));
      revision = now;
    }
    return *proxies;
  }

  const Pipeline& pipeline;
  const Post post;
  std::atomic<bool> ready{false};
  std::optional<ShownProxies> proxies;  // these are of the pipeline's thread
  uint64_t revision = 0;
};

// One bound port: the service, and the calls that wait.
class Server::Instance final : public gloov1::ProxyEndpointService::Service {
 public:
  Instance(const std::shared_ptr<Shown>& shown, const xds::Gate::Options& gate)
      : gate_(gate), waiting_(std::make_shared<Waiting>(OwnerOf(shown))) {
    MarkMethodStreamed(kGetProxies, nullptr);
    MarkMethodRawCallback(
        kGetProxies, new rpc::OneRequestHandler([this](CallbackServerContext* context) { return Begin(*context); }));
  }
  ~Instance() override {
    gate_.Close();
    waiting_->Close();
    if (port_) port_->Shutdown();
  }

  absl::Status Start(const std::string& address) {
    absl::StatusOr<std::unique_ptr<rpc::Port>> port =
        rpc::Port::Open({.address = address,
                         .max_request_bytes = kMaxRequestBytes,
                         .max_held_bytes = kMaxHeldBytes,
                         .max_calls_of_connection = kMostCallsOfConnection,
                         .describes_itself = false},
                        {this});
    if (!port.ok()) return port.status();
    port_ = *std::move(port);
    return absl::OkStatus();
  }

  int port() const { return port_ ? port_->number() : 0; }

 private:
  using Waiting = rpc::WaitingCalls<Call>;

  rpc::OneRequest* Begin(const CallbackServerContext& context) {
    auto* reactor = new rpc::OneRequest([waiting = waiting_](rpc::OneRequest& its, ByteBuffer& in) {
      Call call;
      if (!grpc::GenericDeserialize<grpc::ProtoBufferReader, gloov1::ProxyEndpointRequest>(&in, &call.request).ok()) {
        return its.Finish({StatusCode::INVALID_ARGUMENT, "the message is no ProxyEndpointRequest"});
      }
      call.reactor = &its;
      waiting->Add(std::move(call));
    });
    gate_.Ask(xds::CallerOf(context), [reactor](const absl::Status& status) { reactor->Admit(ToGrpc(status)); });
    return reactor;
  }

  // Choosing is cheap, and what is chosen is not copied.
  static Waiting::Owner OwnerOf(const std::shared_ptr<Shown>& shown) {
    return {.post = shown->post,
            .is_ready = [shown] { return shown->ready.load(); },
            .answer =
                [shown](Call& call) {
                  const auto chosen = Choose(shown->Now(), call.request);
                  chosen.ok() ? call.reactor->Answer(Write(*chosen)) : call.reactor->Finish(ToGrpc(chosen.status()));
                }};
  }

  xds::Gate gate_;
  const std::shared_ptr<Waiting> waiting_;
  std::unique_ptr<rpc::Port> port_;
};

Server::Server(const Pipeline& pipeline, Post post, xds::Gate::Options gate)
    : gate_(std::move(gate)), shown_(std::make_shared<Shown>(pipeline, std::move(post))) {}

Server::~Server() = default;

absl::Status Server::Listen(const std::string& address) {
  auto instance = std::make_unique<Instance>(shown_, gate_);
  absl::Status status = instance->Start(address);
  if (status.ok()) instance_ = std::move(instance);
  return status;
}

void Server::Stop() { instance_.reset(); }

int Server::port() const { return instance_ ? instance_->port() : 0; }

void Server::SetReady() { shown_->ready = true; }

}  // namespace k8sgw::proxy_debug
