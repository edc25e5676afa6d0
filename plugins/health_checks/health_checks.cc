// Active health checks: Envoy asks the hosts of an Upstream again and again whether they are well.

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "api/core/v1/ref.proto.h"
#include "api/envoy/api/v2/core/health_check.proto.h"
#include "api/envoy/kit/api/v2/core/base.proto.h"
#include "api/envoy/type/range.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/core/v3/health_check.proto.h"
#include "envoy/type/matcher/v3/string.proto.h"
#include "envoy/type/v3/http.proto.h"
#include "envoy/type/v3/range.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/header_check.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::health_checks {
namespace {

namespace corev2 = ::solo::io::envoy::api::v2::core;
namespace corev3 = ::envoy::config::core::v3;
using google::protobuf::Duration;
using google::protobuf::RepeatedPtrField;

constexpr char kInstead[] = "use the health check's host or authority";

std::string Indexed(std::string_view field, int i) { return std::string(field) + "[" + std::to_string(i) + "]"; }

// What must not stand in a header, nor in what becomes one.
void CheckValue(const std::string& value, std::string_view field, envoy::Reporter& report) {
  if (std::string problem = envoy::CheckHeaderValue(value); !problem.empty()) {
    report.Error(field, std::move(problem), envoy::kHeaderValueFix);
  }
}

// The headers of a header Secret, in the order of their names.
std::map<std::string, std::string> SecretHeaders(const envoy::ClusterArgs& args, const corev2::HeaderValueOption& in,
                                                 envoy::Reporter& report) {
  const SecretRef ref{in.header_secret_ref().namespace_(), in.header_secret_ref().name()};
  const auto secret = args.context.FindSecret(ref);
  if (!secret) {
    report.Error("headerSecretRef", "there is no Secret " + ref.ToString(), "create it, or correct name and namespace");
    return {};
  }
  if (!secret->spec.has_header()) {
    report.Error("headerSecretRef", "Secret " + ref.ToString() + " holds no headers", "use a Secret of kind header");
    return {};
  }
  if (args.context.options().header_secrets_match_upstreams && ref.ns != args.ref.ns) {
    report.Error("headerSecretRef", "Secret " + ref.ToString() + " is not in the namespace of the Upstream",
                 "use a Secret of that namespace, or leave HEADER_SECRET_REF_NS_MATCHES_US unset");
    return {};
  }
  return {secret->spec.header().headers().begin(), secret->spec.header().headers().end()};
}

void AddHeaders(const envoy::ClusterArgs& args, const RepeatedPtrField<corev2::HeaderValueOption>& in,
                std::string_view field, const envoy::Reporter& report,
                RepeatedPtrField<corev3::HeaderValueOption>& out) {
  for (int i = 0; i < in.size(); ++i) {
    envoy::Reporter part = report.At(Indexed(field, i));
    std::map<std::string, std::string> headers;
    switch (in[i].header_option_case()) {
      case corev2::HeaderValueOption::kHeader: headers.emplace(in[i].header().key(), in[i].header().value()); break;
      case corev2::HeaderValueOption::kHeaderSecretRef: headers = SecretHeaders(args, in[i], part); break;
      case corev2::HeaderValueOption::HEADER_OPTION_NOT_SET:
        part.Error("", "names no header", "give header or headerSecretRef");
        break;
    }
    const bool from_secret = in[i].has_header_secret_ref();
    for (const auto& [name, value] : headers) {
      envoy::CheckChangedHeader(name, from_secret ? "headerSecretRef" : "header.key", part, kInstead);
      CheckValue(value, from_secret ? "headerSecretRef" : "header.value", part);
      auto& option = *out.Add();
      option.mutable_header()->set_key(name);
      option.mutable_header()->set_value(value);
      const bool append = !in[i].has_append() || in[i].append().value();
      option.set_append_action(append ? corev3::HeaderValueOption::APPEND_IF_EXISTS_OR_ADD
                                      : corev3::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
    }
  }
}

void TranslateHttp(const envoy::ClusterArgs& args, const corev2::HealthCheck::HttpHealthCheck& in,
                   envoy::Reporter report, corev3::HealthCheck::HttpHealthCheck& out) {
  CheckValue(in.host(), "host", report);
  out.set_host(in.host());
  if (in.path().empty()) report.Error("path", "is missing", "give the path that is asked for, such as /healthz");
  CheckValue(in.path(), "path", report);
  out.set_path(in.path());
  AddHeaders(args, in.request_headers_to_add(), "requestHeadersToAdd", report, *out.mutable_request_headers_to_add());
  for (int i = 0; i < in.request_headers_to_remove_size(); ++i) {
    envoy::CheckChangedHeader(in.request_headers_to_remove(i), Indexed("requestHeadersToRemove", i), report, kInstead);
    out.add_request_headers_to_remove(in.request_headers_to_remove(i));
  }
  for (int i = 0; i < in.expected_statuses_size(); ++i) {
    const auto& range = in.expected_statuses(i);
    if (range.start() < 100 || range.end() > 600 || range.start() >= range.end()) {
      report.Error(Indexed("expectedStatuses", i), "is no range of status codes",
                   "use 100 <= start < end <= 600; end itself is not part of the range");
    }
    auto& status = *out.add_expected_statuses();
    status.set_start(range.start());
    status.set_end(range.end());
  }
  // The published enum has the numbers of Envoy's.
  out.set_method(static_cast<corev3::RequestMethod>(in.method()));
  if (out.method() == corev3::CONNECT) report.Error("method", "is CONNECT, which asks for nothing", "use GET or HEAD");
  if (in.use_http2()) out.set_codec_client_type(::envoy::type::v3::HTTP2);
  if (!in.service_name().empty()) out.mutable_service_name_matcher()->set_prefix(in.service_name());
}

void SetPayload(const corev2::HealthCheck::Payload& in, std::string_view field, envoy::Reporter& report,
                corev3::HealthCheck::Payload& out) {
  const std::string& text = in.text();
  if (text.empty() || text.size() % 2 != 0 ||
      !std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; })) {
    report.Error(field, "\"" + text + "\" is not written as hexadecimal bytes", "for PING write 50494e47");
  }
  out.set_text(text);
}

void TranslateTcp(const corev2::HealthCheck::TcpHealthCheck& in, envoy::Reporter report,
                  corev3::HealthCheck::TcpHealthCheck& out) {
  if (in.has_send()) SetPayload(in.send(), "send.text", report, *out.mutable_send());
  for (int i = 0; i < in.receive_size(); ++i) {
    SetPayload(in.receive(i), Indexed("receive", i) + ".text", report, *out.add_receive());
  }
}

void TranslateGrpc(const envoy::ClusterArgs& args, const corev2::HealthCheck::GrpcHealthCheck& in,
                   envoy::Reporter report, corev3::HealthCheck::GrpcHealthCheck& out) {
  if (!args.upstream.use_http2().value() &&
      args.upstream.protocol_selection() != gloov1::Upstream::USE_DOWNSTREAM_PROTOCOL) {
    report.Error("", "needs HTTP/2 to the Upstream", "set useHttp2: true on the Upstream");
  }
  out.set_service_name(in.service_name());
  CheckValue(in.authority(), "authority", report);
  out.set_authority(in.authority());
  AddHeaders(args, in.initial_metadata(), "initialMetadata", report, *out.mutable_initial_metadata());
}

// What is the same for all kinds of checks.
void TranslateCommon(const corev2::HealthCheck& in, envoy::Reporter& report, corev3::HealthCheck& out) {
  const auto copy = [&](bool is_set, const Duration& value, int64_t minimum_ms, std::string_view field,
                        Duration* (corev3::HealthCheck::*mutable_field)()) {
    if (is_set && envoy::CheckDuration(value, minimum_ms, field, report)) *(out.*mutable_field)() = value;
  };
  if (!in.has_timeout()) report.Error("timeout", "is missing", "say how long to wait for an answer, such as 1s");
  if (!in.has_interval()) report.Error("interval", "is missing", "say how often to ask, such as 10s");
  if (!in.has_unhealthy_threshold()) {
    report.Error("unhealthyThreshold", "is missing", "say after how many failures a host is left out, such as 3");
  }
  if (!in.has_healthy_threshold()) {
    report.Error("healthyThreshold", "is missing", "say after how many successes a host is used again, such as 1");
  }
  using Out = corev3::HealthCheck;
  copy(in.has_timeout(), in.timeout(), 1, "timeout", &Out::mutable_timeout);
  copy(in.has_interval(), in.interval(), 1, "interval", &Out::mutable_interval);
  copy(in.has_initial_jitter(), in.initial_jitter(), 0, "initialJitter", &Out::mutable_initial_jitter);
  copy(in.has_interval_jitter(), in.interval_jitter(), 0, "intervalJitter", &Out::mutable_interval_jitter);
  copy(in.has_no_traffic_interval(), in.no_traffic_interval(), 1, "noTrafficInterval",
       &Out::mutable_no_traffic_interval);
  copy(in.has_unhealthy_interval(), in.unhealthy_interval(), 1, "unhealthyInterval", &Out::mutable_unhealthy_interval);
  copy(in.has_unhealthy_edge_interval(), in.unhealthy_edge_interval(), 1, "unhealthyEdgeInterval",
       &Out::mutable_unhealthy_edge_interval);
  copy(in.has_healthy_edge_interval(), in.healthy_edge_interval(), 1, "healthyEdgeInterval",
       &Out::mutable_healthy_edge_interval);
  out.set_interval_jitter_percent(in.interval_jitter_percent());
  if (in.has_unhealthy_threshold()) *out.mutable_unhealthy_threshold() = in.unhealthy_threshold();
  if (in.has_healthy_threshold()) *out.mutable_healthy_threshold() = in.healthy_threshold();
  if (in.has_reuse_connection()) *out.mutable_reuse_connection() = in.reuse_connection();
  out.set_event_log_path(in.event_log_path());
  out.set_always_log_health_check_failures(in.always_log_health_check_failures());
}

void Cluster(const envoy::ClusterArgs& args) {
  if (args.upstream.health_checks_size() > 1) {
    // Envoy 1.40 wants a name for each of several, and the API has none.
    args.report.Error("healthChecks[1]", "more than one health check is not possible with this Envoy",
                      "keep one of them");
  }
  for (int i = 0; i < args.upstream.health_checks_size(); ++i) {
    const corev2::HealthCheck& in = args.upstream.health_checks(i);
    // Envoy refuses a check without a kind.
    if (in.has_custom_health_check()) continue;
    envoy::Reporter report = args.report.At(Indexed("healthChecks", i));
    corev3::HealthCheck& out = *args.out.add_health_checks();
    TranslateCommon(in, report, out);
    switch (in.health_checker_case()) {
      case corev2::HealthCheck::kHttpHealthCheck:
        TranslateHttp(args, in.http_health_check(), report.At("httpHealthCheck"), *out.mutable_http_health_check());
        break;
      case corev2::HealthCheck::kTcpHealthCheck:
        TranslateTcp(in.tcp_health_check(), report.At("tcpHealthCheck"), *out.mutable_tcp_health_check());
        break;
      case corev2::HealthCheck::kGrpcHealthCheck:
        TranslateGrpc(args, in.grpc_health_check(), report.At("grpcHealthCheck"), *out.mutable_grpc_health_check());
        break;
      case corev2::HealthCheck::kCustomHealthCheck: break;
      case corev2::HealthCheck::HEALTH_CHECKER_NOT_SET:
        report.Error("", "does not say what to ask", "give httpHealthCheck, tcpHealthCheck or grpcHealthCheck");
        break;
    }
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.Upstream.health_checks"};
constexpr std::string_view kNotYet[] = {
    "solo.io.envoy.api.v2.core.HealthCheck.custom_health_check",
    "solo.io.envoy.api.v2.core.HealthCheck.HttpHealthCheck.response_assertions",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "health_checks",
    .claims = kClaims,
    .not_yet = kNotYet,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::health_checks
