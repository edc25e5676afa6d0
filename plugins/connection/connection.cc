// The connections to an Upstream: time to connect, buffers, and the options of HTTP that all its versions share or that
// are those of HTTP/1. Keep-alive probes are in plugins/tcp_keepalive, HTTP/2 in plugins/http2.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/protocol.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/extension.proto.h"
#include "envoy/config/core/v3/protocol.proto.h"
#include "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.proto.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.proto.h"
#include "plugins/connection/connection.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::connection {
namespace {

namespace protocolv1 = ::protocol::options::gloo::solo::io;
namespace corev3 = ::envoy::config::core::v3;
using ::envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig;

constexpr char kPreserveCase[] = "envoy.http.stateful_header_formatters.preserve_case";

void TranslateCommon(const protocolv1::HttpProtocolOptions& in, envoy::Reporter report,
                     corev3::HttpProtocolOptions& out) {
  if (in.has_idle_timeout() && envoy::CheckDuration(in.idle_timeout(), 0, "idleTimeout", report)) {
    *out.mutable_idle_timeout() = in.idle_timeout();
  }
  if (in.max_headers_count() > 0) out.mutable_max_headers_count()->set_value(in.max_headers_count());
  if (in.has_max_stream_duration() && envoy::CheckDuration(in.max_stream_duration(), 0, "maxStreamDuration", report)) {
    *out.mutable_max_stream_duration() = in.max_stream_duration();
  }
  // The published enum has the numbers of Envoy's.
  out.set_headers_with_underscores_action(
      static_cast<corev3::HttpProtocolOptions::HeadersWithUnderscoresAction>(in.headers_with_underscores_action()));
}

void TranslateHttp1(const protocolv1::Http1ProtocolOptions& in, corev3::Http1ProtocolOptions& out) {
  out.set_enable_trailers(in.enable_trailers());
  if (in.has_override_stream_error_on_invalid_http_message()) {
    *out.mutable_override_stream_error_on_invalid_http_message() = in.override_stream_error_on_invalid_http_message();
  }
  if (in.proper_case_header_key_format()) {
    out.mutable_header_key_format()->mutable_proper_case_words();
  } else if (in.preserve_case_header_key_format()) {
    auto& formatter = *out.mutable_header_key_format()->mutable_stateful_formatter();
    formatter.set_name(kPreserveCase);
    envoy::PackAny(PreserveCaseFormatterConfig(), formatter.mutable_typed_config());
  }
}

void SetHttp1(const envoy::ClusterArgs& args) {
  const auto& in = args.upstream.connection_config().http1_protocol_options();
  if (args.upstream.protocol_selection() == gloov1::Upstream::USE_DOWNSTREAM_PROTOCOL) {
    TranslateHttp1(in, *args.http.mutable_use_downstream_protocol_config()->mutable_http_protocol_options());
  } else if (args.upstream.use_http2().value()) {
    args.report.Error("connectionConfig.http1ProtocolOptions", "cannot be used together with useHttp2",
                      "remove one of them, or set protocolSelection: USE_DOWNSTREAM_PROTOCOL");
  } else {
    TranslateHttp1(in, *args.http.mutable_explicit_http_config()->mutable_http_protocol_options());
  }
}

void Cluster(const envoy::ClusterArgs& args) {
  if (!args.upstream.has_connection_config()) return;
  const gloov1::ConnectionConfig& in = args.upstream.connection_config();
  envoy::Reporter report = args.report.At("connectionConfig");
  if (in.has_connect_timeout() && envoy::CheckDuration(in.connect_timeout(), 1, "connectTimeout", report)) {
    *args.out.mutable_connect_timeout() = in.connect_timeout();
  }
  if (in.has_per_connection_buffer_limit_bytes()) {
    *args.out.mutable_per_connection_buffer_limit_bytes() = in.per_connection_buffer_limit_bytes();
  }
  if (in.has_common_http_protocol_options()) {
    TranslateCommon(in.common_http_protocol_options(), report.At("commonHttpProtocolOptions"),
                    *args.http.mutable_common_http_protocol_options());
  }
  if (in.max_requests_per_connection() > 0) {
    args.http.mutable_common_http_protocol_options()->mutable_max_requests_per_connection()->set_value(
        in.max_requests_per_connection());
  }
  if (in.has_http1_protocol_options()) SetHttp1(args);
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.Upstream.connection_config",
    "gloo.solo.io.ConnectionConfig.max_requests_per_connection",
    "gloo.solo.io.ConnectionConfig.connect_timeout",
    "gloo.solo.io.ConnectionConfig.per_connection_buffer_limit_bytes",
    "gloo.solo.io.ConnectionConfig.common_http_protocol_options",
    "gloo.solo.io.ConnectionConfig.http1_protocol_options",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "connection",
    .claims = kClaims,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::connection
