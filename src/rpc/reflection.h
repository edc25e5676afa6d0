// gRPC reflection under its newer name, v1, which tools ask for first. The gRPC that this program is built with has
// v1alpha alone; the messages of both are the same.
#pragma once

#include <grpcpp/impl/server_builder_plugin.h>

#include <memory>
#include <string>
#include <vector>

namespace k8sgw::rpc {

// A server whose builder has it answers which services it has, and what the descriptors of this program say of them.
std::unique_ptr<grpc::ServerBuilderPlugin> MakeReflection();

// The answer to one ServerReflectionRequest, as bytes. "" when it is none.
std::string AnswerReflection(const std::string& request, const std::vector<std::string>& services);

}  // namespace k8sgw::rpc
