// Envoy messages → resources of the xDS server.
#pragma once

#include <google/protobuf/message.h>

#include <memory>
#include <string>

#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "src/base/ptr.h"
#include "src/xds/resource.h"

namespace k8sgw::envoy {

// Serializes deterministically; the version is the hash of the bytes.
Ptr<xds::Resource> MakeResource(xds::Type type, std::string name, const google::protobuf::Message& message);

// The bytes of a resource in one piece.
std::string JoinBytes(const xds::Resource& resource);

// The message of a resource of a known type, for those who look into what is served.
template <class Message>
Message Parse(const xds::Resource& resource) {
  Message message;
  message.ParseFromString(JoinBytes(resource));
  return message;
}
// The same for any type.
std::unique_ptr<google::protobuf::Message> ParseAny(const xds::Resource& resource);

}  // namespace k8sgw::envoy
