#include "benchmarks/kube/ads_client.h"

#include <fmt/core.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/struct.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <deque>
#include <set>
#include <thread>
#include <unordered_set>

#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "envoy/service/discovery/v3/discovery.proto.h"
#include "src/xds/resource.h"

namespace k8sgw::bench {
namespace {

using grpc::ByteBuffer;
using xds::Type;
namespace ads = ::envoy::service::discovery::v3;
namespace hcmv3 = ::envoy::extensions::filters::network::http_connection_manager::v3;

constexpr char kMethod[] = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
constexpr auto kPatience = std::chrono::minutes(1);

ByteBuffer Encode(const ads::DeltaDiscoveryRequest& request) {
  const grpc::Slice slice(request.SerializeAsString());
  return ByteBuffer(&slice, 1);
}

size_t HostsIn(const std::string& table) {
  ::envoy::config::route::v3::RouteConfiguration routes;
  routes.ParseFromString(table);
  return static_cast<size_t>(routes.virtual_hosts_size());
}

}  // namespace

struct AdsClient::Channel {
  explicit Channel(int port) {
    grpc::ChannelArguments args;
    args.SetMaxReceiveMessageSize(-1);
    args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1);
    args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2);
    args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 1);
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel = grpc::CreateCustomChannel(fmt::format("127.0.0.1:{}", port), grpc::InsecureChannelCredentials(), args);
    stub = std::make_unique<grpc::GenericStub>(channel);
  }
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<grpc::GenericStub> stub;
};

class AdsClient::Stream final : public grpc::ClientBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  Stream(Channel& channel, const std::string& role) {
    context_.set_wait_for_ready(true);
    channel.stub->PrepareBidiStreamingCall(&context_, kMethod, {}, this);
    for (const Type type : {Type::kCluster, Type::kListener}) {
      ads::DeltaDiscoveryRequest request;
      request.mutable_node()->set_id("bench");
      request.mutable_node()->set_cluster("bench");
      (*request.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(role);
      request.set_type_url(std::string(xds::TypeUrl(type)));
      Send(request);
    }
    StartCall();
    StartRead(&response_);
  }
  ~Stream() override {
    context_.TryCancel();
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    const Clock::time_point now = Clock::now();
    Take(now);
    StartRead(&response_);
  }
  void OnWriteDone(bool) override {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.pop_front();
    if (!queue_.empty()) StartWrite(&queue_.front());
  }
  void OnDone(const grpc::Status& status) override {
    std::lock_guard<std::mutex> lock(mutex_);
    done_ = true;
    changed_.notify_all();
    if (status.error_code() == grpc::StatusCode::CANCELLED) return;
    fmt::print(stderr, "the bare ADS client's stream ended: {}\n", status.error_message());
  }

  Clock::time_point AwaitComplete(size_t clusters, size_t hosts) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return Complete(clusters, hosts); })) {
      fmt::print(stderr, "no complete snapshot within a minute: {} clusters, {} without endpoints, {} tables\n",
                 clusters_.size(), without_endpoints_.size(), tables_.size());
      std::exit(1);
    }
    return last_;
  }

  Board board;
  int responses() {
    std::lock_guard<std::mutex> lock(mutex_);
    return responses_;
  }
  size_t clusters() {
    std::lock_guard<std::mutex> lock(mutex_);
    return clusters_.size();
  }
  std::string routes() {
    std::lock_guard<std::mutex> lock(mutex_);
    return tables_.empty() ? "" : tables_.begin()->second;
  }

 private:
  void Send(const ads::DeltaDiscoveryRequest& request) {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(Encode(request));
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

  void Take(Clock::time_point now) {
    grpc::Slice whole;
    response_.DumpToSingleSlice(&whole);
    const std::string_view bytes(reinterpret_cast<const char*>(whole.begin()), whole.size());
    board.Look(bytes, now);
    ads::DeltaDiscoveryResponse response;
    response.ParseFromArray(whole.begin(), static_cast<int>(whole.size()));
    ads::DeltaDiscoveryRequest more;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++responses_;
      last_ = now;
      if (const auto type = xds::TypeOfUrl(response.type_url())) Note(*type, response, more);
      changed_.notify_all();
    }
    ads::DeltaDiscoveryRequest ack;
    ack.set_type_url(response.type_url());
    ack.set_response_nonce(response.nonce());
    Send(ack);
    if (!more.type_url().empty()) Send(more);
  }

  // Keeps what came, and asks for what it refers to.
  void Note(Type type, const ads::DeltaDiscoveryResponse& response, ads::DeltaDiscoveryRequest& more) {
    for (const auto& resource : response.resources()) {
      if (type == Type::kCluster) NoteCluster(resource, more);
      if (type == Type::kEndpoint) without_endpoints_.erase(resource.name());
      if (type == Type::kListener) NoteListener(resource, more);
      if (type == Type::kRoute) tables_[resource.name()] = resource.resource().value();
    }
    for (const std::string& name : response.removed_resources()) {
      if (type == Type::kCluster) clusters_.erase(name);
      if (type == Type::kRoute) tables_.erase(name);
    }
  }

  void NoteCluster(const ads::Resource& resource, ads::DeltaDiscoveryRequest& more) {
    clusters_.insert(resource.name());
    ::envoy::config::cluster::v3::Cluster cluster;
    cluster.ParseFromString(resource.resource().value());
    if (cluster.type() != ::envoy::config::cluster::v3::Cluster::EDS) return;
    const std::string& service = cluster.eds_cluster_config().service_name();
    Ask(Type::kEndpoint, service.empty() ? cluster.name() : service, more);
  }

  void NoteListener(const ads::Resource& resource, ads::DeltaDiscoveryRequest& more) {
    ::envoy::config::listener::v3::Listener listener;
    listener.ParseFromString(resource.resource().value());
    for (const auto& chain : listener.filter_chains()) {
      for (const auto& filter : chain.filters()) {
        hcmv3::HttpConnectionManager hcm;
        if (filter.typed_config().UnpackTo(&hcm) && hcm.has_rds()) {
          Ask(Type::kRoute, hcm.rds().route_config_name(), more);
        }
      }
    }
  }

  void Ask(Type type, const std::string& name, ads::DeltaDiscoveryRequest& more) {
    if (!asked_.insert(name).second) return;
    if (type == Type::kEndpoint) without_endpoints_.insert(name);
    more.set_type_url(std::string(xds::TypeUrl(type)));
    more.add_resource_names_subscribe(name);
  }

  bool Complete(size_t clusters, size_t hosts) const {
    if (clusters_.size() < clusters || !without_endpoints_.empty()) return false;
    size_t there = 0;
    for (const auto& [name, table] : tables_) there += HostsIn(table);
    return there >= hosts;
  }

  grpc::ClientContext context_;
  ByteBuffer response_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // All below are guarded by mutex_.
  bool done_ = false;
  std::deque<ByteBuffer> queue_;
  std::unordered_set<std::string> clusters_;
  std::unordered_set<std::string> without_endpoints_;
  std::set<std::string> asked_;
  std::map<std::string, std::string> tables_;
  int responses_ = 0;
  Clock::time_point last_{};
};

AdsClient::AdsClient(int port, const std::string& role)
    : channel_(std::make_unique<Channel>(port)), stream_(std::make_unique<Stream>(*channel_, role)) {}

AdsClient::~AdsClient() = default;

Board& AdsClient::board() { return stream_->board; }
Clock::time_point AdsClient::AwaitComplete(size_t clusters, size_t virtual_hosts) {
  return stream_->AwaitComplete(clusters, virtual_hosts);
}
int AdsClient::responses() const { return stream_->responses(); }
size_t AdsClient::clusters() const { return stream_->clusters(); }
std::string AdsClient::routes() const { return stream_->routes(); }

}  // namespace k8sgw::bench
