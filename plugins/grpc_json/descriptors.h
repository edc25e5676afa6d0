// What is in a set of descriptors, and whether Envoy would transcode with it.
#pragma once

#include <string>
#include <string_view>

#include "plugins/grpc_json/grpc_json.proto.h"
#include "src/envoy/reporter.h"

namespace k8sgw::plugins::grpc_json {

// The most bytes of descriptors that are taken. A ConfigMap holds three quarters of it.
inline constexpr size_t kMostBytes = 1 << 20;

// Reports what Envoy would refuse of `bytes`, a serialized FileDescriptorSet, with these options: at `field`, with
// `origin` before the message, what is wrong with the descriptors; at `services` what they lack.
void CheckDescriptors(const std::string& bytes, const ::grpc_json::options::gloo::solo::io::GrpcJsonTranscoder& options,
                      std::string_view field, const std::string& origin, envoy::Reporter& report);

}  // namespace k8sgw::plugins::grpc_json
