#include "src/envoy/resource.h"

#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/scoped_route.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.proto.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"

namespace k8sgw::envoy {
namespace {

std::unique_ptr<google::protobuf::Message> NewMessage(xds::Type type) {
  switch (type) {
    case xds::Type::kSecret: return std::make_unique<::envoy::extensions::transport_sockets::tls::v3::Secret>();
    case xds::Type::kCluster: return std::make_unique<::envoy::config::cluster::v3::Cluster>();
    case xds::Type::kEndpoint: return std::make_unique<::envoy::config::endpoint::v3::ClusterLoadAssignment>();
    case xds::Type::kScope: return std::make_unique<::envoy::config::route::v3::ScopedRouteConfiguration>();
    case xds::Type::kListener: return std::make_unique<::envoy::config::listener::v3::Listener>();
    case xds::Type::kRoute: return std::make_unique<::envoy::config::route::v3::RouteConfiguration>();
  }
  return nullptr;
}

}  // namespace

Ptr<xds::Resource> MakeResource(xds::Type type, std::string name, const google::protobuf::Message& message) {
  auto resource = std::make_shared<xds::Resource>();
  resource->type = type;
  resource->name = std::move(name);
  auto bytes = std::make_shared<const std::string>(SerializeDeterministic(message));
  resource->version = HexHash(Hash64(*bytes));
  resource->size = bytes->size();
  resource->body.push_back(std::move(bytes));
  return resource;
}

std::string JoinBytes(const xds::Resource& resource) {
  std::string all;
  all.reserve(resource.size);
  for (const auto& piece : resource.body) all += *piece;
  return all;
}

std::unique_ptr<google::protobuf::Message> ParseAny(const xds::Resource& resource) {
  auto message = NewMessage(resource.type);
  message->ParseFromString(JoinBytes(resource));
  return message;
}

}  // namespace k8sgw::envoy
