// Envoy messages → resources of the xDS server.
#pragma once

#include <string>

#include <google/protobuf/message.h>

#include "src/base/ptr.h"
#include "src/xds/resource.h"

namespace k8sgw::envoy {

// Serializes deterministically; the version is the hash of the bytes.
Ptr<xds::Resource> MakeResource(xds::Type type, std::string name, const google::protobuf::Message& message);

// The bytes of a resource in one piece, for those who parse them again.
std::string JoinBytes(const xds::Resource& resource);

}  // namespace k8sgw::envoy
