// Access logs that are sent to a server, such as `k8sgateway access-log`.
#pragma once

#include "src/envoy/reporter.h"

namespace als::options::gloo::solo::io {
class GrpcService;
}
namespace envoy::config::accesslog::v3 {
class AccessLog;
}

namespace k8sgw::plugins::access_log {

// Requests and connections are messages of their own. What is only for requests is warned of.
void TranslateRequestsToServer(const ::als::options::gloo::solo::io::GrpcService& in, envoy::Reporter report,
                               ::envoy::config::accesslog::v3::AccessLog& out);
void TranslateConnectionsToServer(const ::als::options::gloo::solo::io::GrpcService& in, envoy::Reporter report,
                                  ::envoy::config::accesslog::v3::AccessLog& out);

}  // namespace k8sgw::plugins::access_log
