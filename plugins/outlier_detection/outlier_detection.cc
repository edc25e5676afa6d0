// Hosts of an Upstream that fail too often are left out for a while.

#include <google/protobuf/wrappers.pb.h>

#include "api/envoy/api/v2/cluster/outlier_detection.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/cluster/v3/outlier_detection.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::outlier_detection {
namespace {

using google::protobuf::UInt32Value;

void SetPercent(const UInt32Value& in, std::string_view field, envoy::Reporter& report, UInt32Value& out) {
  if (in.value() > 100) {
    report.Error(field, "is " + std::to_string(in.value()) + ", which is no percentage", "use 0 to 100");
  }
  out = in;
}

void Cluster(const envoy::ClusterArgs& args) {
  if (!args.upstream.has_outlier_detection()) return;
  const auto& in = args.upstream.outlier_detection();
  auto& out = *args.out.mutable_outlier_detection();
  envoy::Reporter report = args.report.At("outlierDetection");

  if (!in.has_interval()) {
    report.Error("interval", "is missing", "say how often hosts are judged, such as 10s");
  } else if (envoy::CheckDuration(in.interval(), 1, "interval", report)) {
    *out.mutable_interval() = in.interval();
  }
  if (in.has_base_ejection_time() && envoy::CheckDuration(in.base_ejection_time(), 1, "baseEjectionTime", report)) {
    *out.mutable_base_ejection_time() = in.base_ejection_time();
  }
  if (in.has_max_ejection_percent()) {
    SetPercent(in.max_ejection_percent(), "maxEjectionPercent", report, *out.mutable_max_ejection_percent());
  }

  if (in.has_consecutive_5xx()) *out.mutable_consecutive_5xx() = in.consecutive_5xx();
  if (in.has_enforcing_consecutive_5xx()) {
    SetPercent(in.enforcing_consecutive_5xx(), "enforcingConsecutive5xx", report,
               *out.mutable_enforcing_consecutive_5xx());
  }
  if (in.has_consecutive_gateway_failure()) {
    *out.mutable_consecutive_gateway_failure() = in.consecutive_gateway_failure();
  }
  if (in.has_enforcing_consecutive_gateway_failure()) {
    SetPercent(in.enforcing_consecutive_gateway_failure(), "enforcingConsecutiveGatewayFailure", report,
               *out.mutable_enforcing_consecutive_gateway_failure());
  }

  if (in.has_enforcing_success_rate()) {
    SetPercent(in.enforcing_success_rate(), "enforcingSuccessRate", report, *out.mutable_enforcing_success_rate());
  }
  if (in.has_success_rate_minimum_hosts()) {
    *out.mutable_success_rate_minimum_hosts() = in.success_rate_minimum_hosts();
  }
  if (in.has_success_rate_request_volume()) {
    *out.mutable_success_rate_request_volume() = in.success_rate_request_volume();
  }
  if (in.has_success_rate_stdev_factor()) {
    *out.mutable_success_rate_stdev_factor() = in.success_rate_stdev_factor();
  }

  out.set_split_external_local_origin_errors(in.split_external_local_origin_errors());
  if (in.has_consecutive_local_origin_failure()) {
    *out.mutable_consecutive_local_origin_failure() = in.consecutive_local_origin_failure();
  }
  if (in.has_enforcing_consecutive_local_origin_failure()) {
    SetPercent(in.enforcing_consecutive_local_origin_failure(), "enforcingConsecutiveLocalOriginFailure", report,
               *out.mutable_enforcing_consecutive_local_origin_failure());
  }
  if (in.has_enforcing_local_origin_success_rate()) {
    SetPercent(in.enforcing_local_origin_success_rate(), "enforcingLocalOriginSuccessRate", report,
               *out.mutable_enforcing_local_origin_success_rate());
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.Upstream.outlier_detection"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "outlier_detection",
    .claims = kClaims,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::outlier_detection
