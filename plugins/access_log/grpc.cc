#include "plugins/access_log/grpc.h"

#include <string>
#include <string_view>

#include "envoy/config/accesslog/v3/accesslog.proto.h"
#include "envoy/config/core/v3/config_source.proto.h"
#include "envoy/config/core/v3/grpc_service.proto.h"
#include "envoy/extensions/access_loggers/grpc/v3/als.proto.h"
#include "plugins/access_log/access_log.proto.h"
#include "src/envoy/header_check.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::access_log {
namespace {

namespace alsv1 = ::als::options::gloo::solo::io;
namespace grpcv3 = ::envoy::extensions::access_loggers::grpc::v3;
using ::envoy::config::accesslog::v3::AccessLog;
using Names = google::protobuf::RepeatedPtrField<std::string>;

constexpr char kRequests[] = "envoy.access_loggers.http_grpc";
constexpr char kConnections[] = "envoy.access_loggers.tcp_grpc";

void TranslateCommon(const alsv1::GrpcService& in, envoy::Reporter report, grpcv3::CommonGrpcAccessLogConfig& out) {
  if (in.log_name().empty()) report.Error("logName", "is missing", "write any name; it is sent with the entries");
  if (in.static_cluster_name().empty()) {
    report.Error("staticClusterName", "is missing",
                 "write the name of a cluster in the bootstrap of Envoy, such as access_log_cluster");
  }
  out.set_log_name(in.log_name());
  out.set_transport_api_version(::envoy::config::core::v3::V3);
  out.mutable_grpc_service()->mutable_envoy_grpc()->set_cluster_name(in.static_cluster_name());
  *out.mutable_filter_state_objects_to_log() = in.filter_state_objects_to_log();
}

void CheckHeaders(const Names& names, const std::string& field, envoy::Reporter report) {
  for (int i = 0; i < names.size(); ++i) {
    if (std::string problem = envoy::CheckHeaderName(names[i]); !problem.empty())
      report.Error(field + "[" + std::to_string(i) + "]", std::move(problem), envoy::kHeaderNameFix);
  }
}

}  // namespace

void TranslateRequestsToServer(const alsv1::GrpcService& in, envoy::Reporter report, AccessLog& out) {
  grpcv3::HttpGrpcAccessLogConfig config;
  TranslateCommon(in, report, *config.mutable_common_config());
  CheckHeaders(in.additional_request_headers_to_log(), "additionalRequestHeadersToLog", report);
  CheckHeaders(in.additional_response_headers_to_log(), "additionalResponseHeadersToLog", report);
  CheckHeaders(in.additional_response_trailers_to_log(), "additionalResponseTrailersToLog", report);
  *config.mutable_additional_request_headers_to_log() = in.additional_request_headers_to_log();
  *config.mutable_additional_response_headers_to_log() = in.additional_response_headers_to_log();
  *config.mutable_additional_response_trailers_to_log() = in.additional_response_trailers_to_log();
  out.set_name(kRequests);
  envoy::PackAny(config, out.mutable_typed_config());
}

void TranslateConnectionsToServer(const alsv1::GrpcService& in, envoy::Reporter report, AccessLog& out) {
  grpcv3::TcpGrpcAccessLogConfig config;
  TranslateCommon(in, report, *config.mutable_common_config());
  const auto warn = [&](const Names& names, std::string_view field) {
    if (!names.empty())
      report.Warning(field, "has no effect: connections have no headers", "use it in accessLoggingService");
  };
  warn(in.additional_request_headers_to_log(), "additionalRequestHeadersToLog");
  warn(in.additional_response_headers_to_log(), "additionalResponseHeadersToLog");
  warn(in.additional_response_trailers_to_log(), "additionalResponseTrailersToLog");
  out.set_name(kConnections);
  envoy::PackAny(config, out.mutable_typed_config());
}

}  // namespace k8sgw::plugins::access_log
