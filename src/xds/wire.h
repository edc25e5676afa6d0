// Requests and responses as bytes on the wire.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "src/xds/engine.h"

namespace k8sgw::xds {

// False when the bytes are no request of that kind.
bool ParseStateRequest(const grpc::ByteBuffer& bytes, Request* out);
bool ParseDeltaRequest(const grpc::ByteBuffer& bytes, Request* out);

// The pieces of resources are handed over without a copy: they stay alive until gRPC has sent them.
grpc::ByteBuffer WriteStateResponse(const Response& response);
grpc::ByteBuffer WriteDeltaResponse(const Response& response);

}  // namespace k8sgw::xds
