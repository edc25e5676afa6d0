// Servers that the proxies ask about requests before they let them through: of authorization, of rate limits.
#pragma once

#include <google/protobuf/duration.pb.h>

#include <string>
#include <string_view>

#include "src/envoy/context.h"
#include "src/envoy/reporter.h"

namespace core::solo::io {
class ResourceRef;
}
namespace envoy::config::core::v3 {
class GrpcService;
}

namespace k8sgw::envoy {

enum class AskedBy { kGrpc, kHttp };

// The cluster of the server's Upstream. Errors at `field`, when no Upstream is named or there is none with this name,
// or when the server is asked by gRPC and HTTP/2 is not spoken to it: then each question would fail.
std::string AskedCluster(const Context& context, const ::core::solo::io::ResourceRef& ref, AskedBy by,
                         std::string_view field, Reporter& report);

// How long is waited for an answer: `timeout`, of a message that has it if `is_set`, or the default. Errors at
// requestTimeout.
google::protobuf::Duration AskedTimeout(const google::protobuf::Duration& timeout, bool is_set, int64_t default_ms,
                                        Reporter& report);

// Sets `cluster` and `authority`; errors at grpcService.authority.
void SetGrpcServer(const std::string& cluster, const std::string& authority, Reporter& report,
                   ::envoy::config::core::v3::GrpcService& out);

// Reports at `field` that the option is of the Enterprise edition; `instead` says what can be done here.
void ReportEnterprise(std::string_view field, std::string instead, Reporter& report);

}  // namespace k8sgw::envoy
