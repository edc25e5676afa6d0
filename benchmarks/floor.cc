#include "benchmarks/floor.h"

#include <fmt/core.h>
#include <grpcpp/grpcpp.h>

#include <deque>
#include <map>
#include <mutex>
#include <set>

#include "envoy/config/bootstrap/v3/bootstrap.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "src/base/proto_codec.h"
#include "src/base/yaml.h"
#include "src/envoy/resource.h"
#include "src/xds/wire.h"

namespace k8sgw::bench {
namespace {

using grpc::ByteBuffer;
namespace ads = ::envoy::service::discovery::v3;
using AdsBase = ads::AggregatedDiscoveryService::WithRawCallbackMethod_DeltaAggregatedResources<
    ads::AggregatedDiscoveryService::Service>;

ByteBuffer OneSlice(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return ByteBuffer(&slice, 1);
}

ByteBuffer Encode(xds::Type type, std::vector<Ptr<xds::Resource>> resources) {
  xds::Response response;
  response.type = type;
  response.type_url = xds::TypeUrl(type);
  response.nonce = "n";
  response.version = "v";
  response.resources = std::move(resources);
  const ByteBuffer pieces = xds::WriteDeltaResponse(response);
  grpc::Slice whole;
  pieces.DumpToSingleSlice(&whole);
  return ByteBuffer(&whole, 1);
}

// One client's stream. Never deleted: a benchmark has few of them.
class Stream final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  explicit Stream(const std::map<xds::Type, ByteBuffer>& first) : first_(first) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) return End();
    xds::Request request;
    if (xds::ParseDeltaRequest(request_, &request)) {
      const auto type = xds::TypeOfUrl(request.type_url);
      if (request.error) fmt::print(stderr, "the floor's Envoy refused: {}\n", *request.error);
      if (type && request.nonce.empty() && first_.contains(*type) && answered_.insert(*type).second) {
        Send(first_.at(*type));
      }
    }
    StartRead(&request_);
  }
  void OnWriteDone(bool) override {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.pop_front();
    if (!queue_.empty() && !ended_) StartWrite(&queue_.front());
  }
  void OnDone() override {}

  void Send(const ByteBuffer& bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ended_) return;
    queue_.push_back(bytes);
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

 private:
  void End() {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    Finish(grpc::Status::OK);
  }

  const std::map<xds::Type, ByteBuffer>& first_;
  std::set<xds::Type> answered_;
  ByteBuffer request_;
  std::mutex mutex_;
  std::deque<ByteBuffer> queue_;  // these are guarded by mutex_
  bool ended_ = false;
};

}  // namespace

struct FloorServer::Prepared {
  ByteBuffer bytes;
};

struct FloorServer::Impl final : AdsBase {
  grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* DeltaAggregatedResources(grpc::CallbackServerContext*) override {
    std::lock_guard<std::mutex> lock(mutex);
    streams.push_back(std::make_unique<Stream>(first));
    return streams.back().get();
  }

  void Start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxSendMessageSize(-1);
    builder.RegisterService(this);
    server = builder.BuildAndStart();
  }

  std::map<xds::Type, ByteBuffer> first;
  std::mutex mutex;
  std::vector<std::unique_ptr<Stream>> streams;  // guarded by mutex
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

FloorServer::FloorServer(const Snapshot& snapshot) : impl_(std::make_unique<Impl>()) {
  for (const auto& [type, resources] : snapshot) {
    std::vector<Ptr<xds::Resource>> all;
    for (const auto& [name, resource] : resources) all.push_back(resource);
    impl_->first[type] = Encode(type, std::move(all));
  }
  impl_->Start();
}

FloorServer::FloorServer(const std::map<xds::Type, std::string>& responses) : impl_(std::make_unique<Impl>()) {
  for (const auto& [type, bytes] : responses) impl_->first[type] = OneSlice(bytes);
  impl_->Start();
}

FloorServer::~FloorServer() {
  impl_->server->Shutdown(std::chrono::system_clock::now());
  impl_->server->Wait();
}

int FloorServer::port() const { return impl_->port; }

std::shared_ptr<const FloorServer::Prepared> FloorServer::Prepare(const Ptr<xds::Resource>& resource) const {
  return std::make_shared<const Prepared>(Prepared{Encode(resource->type, {resource})});
}

std::shared_ptr<const FloorServer::Prepared> FloorServer::Prepare(const std::string& response) const {
  return std::make_shared<const Prepared>(Prepared{OneSlice(response)});
}

void FloorServer::Push(const std::shared_ptr<const Prepared>& response) {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  if (!impl_->streams.empty()) impl_->streams.back()->Send(response->bytes);
}

void FloorServer::PushToAll(const std::shared_ptr<const Prepared>& response) {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  for (const auto& stream : impl_->streams) stream->Send(response->bytes);
}

std::string DynamicBootstrap(int xds_port, int admin_port, const std::string& role) {
  return fmt::format(R"({{
  "node": {{"id": "floor", "cluster": "floor", "metadata": {{"role": "{}"}}}},
  "admin": {{"address": {{"socket_address": {{"address": "127.0.0.1", "port_value": {}}}}}}},
  "dynamic_resources": {{
    "ads_config": {{"api_type": "DELTA_GRPC", "transport_api_version": "V3", "set_node_on_first_message_only": true,
                   "grpc_services": [{{"envoy_grpc": {{"cluster_name": "xds"}}}}]}},
    "lds_config": {{"ads": {{}}, "resource_api_version": "V3"}},
    "cds_config": {{"ads": {{}}, "resource_api_version": "V3"}}
  }},
  "static_resources": {{"clusters": [{{
    "name": "xds", "type": "STATIC", "connect_timeout": "1s",
    "typed_extension_protocol_options": {{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {{
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      "explicit_http_config": {{"http2_protocol_options": {{}}}}}}}},
    "load_assignment": {{"cluster_name": "xds", "endpoints": [{{"lb_endpoints": [{{"endpoint": {{
      "address": {{"socket_address": {{"address": "127.0.0.1", "port_value": {}}}}}}}}}]}}]}}
  }}]}}
}}
)",
                     role, admin_port, xds_port);
}

std::string StaticBootstrap(const Snapshot& snapshot, int admin_port, bool binary) {
  namespace hcmv3 = ::envoy::extensions::filters::network::http_connection_manager::v3;
  ::envoy::config::bootstrap::v3::Bootstrap bootstrap;
  auto& admin = *bootstrap.mutable_admin()->mutable_address()->mutable_socket_address();
  admin.set_address("127.0.0.1");
  admin.set_port_value(static_cast<uint32_t>(admin_port));
  auto& resources = *bootstrap.mutable_static_resources();
  for (const auto& [name, cluster] : snapshot.at(xds::Type::kCluster)) {
    *resources.add_clusters() = envoy::Parse<::envoy::config::cluster::v3::Cluster>(*cluster);
  }
  for (const auto& [name, listener] : snapshot.at(xds::Type::kListener)) {
    auto& out = *resources.add_listeners();
    out = envoy::Parse<::envoy::config::listener::v3::Listener>(*listener);
    for (auto& chain : *out.mutable_filter_chains()) {
      hcmv3::HttpConnectionManager hcm;
      auto& filter = *chain.mutable_filters(0);
      if (!filter.typed_config().UnpackTo(&hcm) || !hcm.has_rds()) continue;
      const auto& table = snapshot.at(xds::Type::kRoute).at(hcm.rds().route_config_name());
      *hcm.mutable_route_config() = envoy::Parse<::envoy::config::route::v3::RouteConfiguration>(*table);
      filter.mutable_typed_config()->PackFrom(hcm);
    }
  }
  return binary ? bootstrap.SerializeAsString() : yaml::EmitJson(EncodeProto(bootstrap), 0);
}

}  // namespace k8sgw::bench
