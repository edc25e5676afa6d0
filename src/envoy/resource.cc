#include "src/envoy/resource.h"

#include "src/base/hash.h"
#include "src/base/proto_codec.h"

namespace k8sgw::envoy {

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

}  // namespace k8sgw::envoy
