// What gRPC knows of a caller.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>

#include "absl/status/status.h"
#include "src/xds/authenticator.h"

namespace k8sgw::xds {

inline Caller CallerOf(const grpc::CallbackServerContext& context) {
  Caller caller;
  caller.peer = context.peer();
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  for (auto it = begin; it != end; ++it) caller.authorization.emplace_back(it->second.data(), it->second.size());
  return caller;
}

// Their codes have equal numbers.
inline grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

}  // namespace k8sgw::xds
