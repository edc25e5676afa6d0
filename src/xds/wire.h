// Requests and responses as bytes on the wire.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <vector>

#include "src/xds/engine.h"

namespace k8sgw::xds {

// False when the bytes are no request of that kind.
bool ParseStateRequest(const grpc::ByteBuffer& bytes, Request* out);
bool ParseDeltaRequest(const grpc::ByteBuffer& bytes, Request* out);

// The resources of a response as bytes. Large pieces are not copied: they stay alive with the slices.
std::vector<grpc::Slice> StateBody(const Response& response);
std::vector<grpc::Slice> DeltaBody(const Response& response);

// The whole response, of which `body` are the resources.
grpc::ByteBuffer WriteStateResponse(const Response& response, const std::vector<grpc::Slice>& body);
grpc::ByteBuffer WriteDeltaResponse(const Response& response, const std::vector<grpc::Slice>& body);
inline grpc::ByteBuffer WriteStateResponse(const Response& response) {
  return WriteStateResponse(response, StateBody(response));
}
inline grpc::ByteBuffer WriteDeltaResponse(const Response& response) {
  return WriteDeltaResponse(response, DeltaBody(response));
}

}  // namespace k8sgw::xds
