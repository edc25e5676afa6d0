#include "src/envoy/asked_server.h"

#include "api/core/v1/ref.proto.h"
#include "envoy/config/core/v3/grpc_service.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/header_check.h"
#include "src/envoy/names.h"

namespace k8sgw::envoy {

std::string AskedCluster(const Context& context, const ::core::solo::io::ResourceRef& in, AskedBy by,
                         std::string_view field, Reporter& report) {
  const UpstreamRef ref{in.namespace_(), in.name()};
  if (in.name().empty()) {
    report.Error(field, "names no server", "name the Upstream of the server: {name: …, namespace: …}");
    return "";
  }
  const auto upstream = context.FindUpstream(ref);
  if (!upstream) {
    report.Error(field, "there is no Upstream " + ref.ToString(),
                 ref.ns.empty() ? "add its namespace" : "create it, or correct name and namespace");
  } else if (!upstream->served) {
    report.Error(field, "Upstream " + ref.ToString() + " is invalid and was never served", "mend the Upstream");
  } else if (by == AskedBy::kGrpc && !upstream->speaks_http2) {
    report.Error(field,
                 "Upstream " + ref.ToString() +
                     " is spoken to with HTTP/1.1, and the server is asked by gRPC, which needs HTTP/2",
                 "set useHttp2: true in the Upstream");
  }
  return ClusterName(ref);
}

google::protobuf::Duration AskedTimeout(const google::protobuf::Duration& timeout, bool is_set, int64_t default_ms,
                                        Reporter& report) {
  if (is_set) {
    CheckDuration(timeout, 1, "requestTimeout", report);
    return timeout;
  }
  google::protobuf::Duration out;
  out.set_nanos(static_cast<int32_t>(default_ms * 1000000));
  return out;
}

void SetGrpcServer(const std::string& cluster, const std::string& authority, Reporter& report,
                   ::envoy::config::core::v3::GrpcService& out) {
  if (std::string problem = CheckHeaderValue(authority); !problem.empty()) {
    report.Error("grpcService.authority", std::move(problem), kHeaderValueFix);
  }
  out.mutable_envoy_grpc()->set_cluster_name(cluster);
  out.mutable_envoy_grpc()->set_authority(authority);
}

void ReportEnterprise(std::string_view field, std::string instead, Reporter& report) {
  report.Error(field, "is of the Enterprise edition", std::move(instead));
}

}  // namespace k8sgw::envoy
