#include "plugins/hcm/protocols.h"

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/protocol.proto.h"
#include "envoy/config/core/v3/extension.proto.h"
#include "envoy/config/core/v3/protocol.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.proto.h"
#include "plugins/hcm/hcm.proto.h"
#include "src/envoy/duration.h"

namespace k8sgw::plugins::hcm {
namespace {

namespace hcmv1 = ::hcm::options::gloo::solo::io;
namespace protocolv1 = ::protocol::options::gloo::solo::io;
namespace corev3 = ::envoy::config::core::v3;
using envoy::hcmv3::HttpConnectionManager;
using google::protobuf::UInt32Value;

constexpr char kPreserveCase[] = "envoy.http.stateful_header_formatters.preserve_case";
constexpr uint32_t kMinWindow = 65535;
constexpr uint32_t kMaxHttp2 = 2147483647;

// What all HTTP versions share.
void TranslateCommon(const hcmv1::HttpConnectionManagerSettings& in, envoy::Reporter& report,
                     HttpConnectionManager& hcm) {
  corev3::HttpProtocolOptions out;
  if (in.has_idle_timeout() && envoy::CheckDuration(in.idle_timeout(), 0, "idleTimeout", report)) {
    *out.mutable_idle_timeout() = in.idle_timeout();
  }
  if (in.has_max_connection_duration() &&
      envoy::CheckDuration(in.max_connection_duration(), 0, "maxConnectionDuration", report)) {
    *out.mutable_max_connection_duration() = in.max_connection_duration();
  }
  if (in.has_max_stream_duration() && envoy::CheckDuration(in.max_stream_duration(), 0, "maxStreamDuration", report)) {
    *out.mutable_max_stream_duration() = in.max_stream_duration();
  }
  if (in.has_max_headers_count()) {
    if (in.max_headers_count().value() == 0) report.Error("maxHeadersCount", "is 0", "use 1 or more");
    *out.mutable_max_headers_count() = in.max_headers_count();
  }
  if (in.has_max_requests_per_connection()) {
    *out.mutable_max_requests_per_connection() = in.max_requests_per_connection();
  }
  // The published enum has the numbers of Envoy's.
  out.set_headers_with_underscores_action(
      static_cast<corev3::HttpProtocolOptions::HeadersWithUnderscoresAction>(in.headers_with_underscores_action()));
  if (out.ByteSizeLong() > 0) hcm.mutable_common_http_protocol_options()->Swap(&out);
}

void TranslateHttp1(const hcmv1::HttpConnectionManagerSettings& in, envoy::Reporter& report,
                    HttpConnectionManager& hcm) {
  corev3::Http1ProtocolOptions out;
  if (in.accept_http_10().value()) {
    out.set_accept_http_10(true);
    out.set_default_host_for_http_10(in.default_host_for_http_10().value());
  } else if (in.has_default_host_for_http_10()) {
    report.Warning("defaultHostForHttp10", "has no effect without acceptHttp10", "add acceptHttp10: true");
  }
  if (in.proper_case_header_key_format().value()) {
    out.mutable_header_key_format()->mutable_proper_case_words();
  } else if (in.preserve_case_header_key_format().value()) {
    auto& formatter = *out.mutable_header_key_format()->mutable_stateful_formatter();
    formatter.set_name(kPreserveCase);
    envoy::PackAny(::envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig(),
                   formatter.mutable_typed_config());
  }
  out.set_allow_chunked_length(in.allow_chunked_length().value());
  out.set_enable_trailers(in.enable_trailers().value());
  if (out.ByteSizeLong() > 0) hcm.mutable_http_protocol_options()->Swap(&out);
}

void SetInRange(const UInt32Value& in, uint32_t min, std::string_view field, envoy::Reporter& report,
                UInt32Value& out) {
  if (in.value() < min || in.value() > kMaxHttp2) {
    report.Error("http2ProtocolOptions." + std::string(field), "is " + std::to_string(in.value()),
                 "use " + std::to_string(min) + " to " + std::to_string(kMaxHttp2));
  }
  out = in;
}

void TranslateHttp2(const protocolv1::Http2ProtocolOptions& in, envoy::Reporter& report,
                    corev3::Http2ProtocolOptions& out) {
  if (in.has_max_concurrent_streams()) {
    SetInRange(in.max_concurrent_streams(), 1, "maxConcurrentStreams", report, *out.mutable_max_concurrent_streams());
  }
  if (in.has_initial_stream_window_size()) {
    SetInRange(in.initial_stream_window_size(), kMinWindow, "initialStreamWindowSize", report,
               *out.mutable_initial_stream_window_size());
  }
  if (in.has_initial_connection_window_size()) {
    SetInRange(in.initial_connection_window_size(), kMinWindow, "initialConnectionWindowSize", report,
               *out.mutable_initial_connection_window_size());
  }
  if (in.has_override_stream_error_on_invalid_http_message()) {
    *out.mutable_override_stream_error_on_invalid_http_message() = in.override_stream_error_on_invalid_http_message();
  }
}

}  // namespace

void TranslateProtocols(const hcmv1::HttpConnectionManagerSettings& in, envoy::Reporter& report,
                        HttpConnectionManager& out) {
  // The published enum has the numbers of Envoy's.
  out.set_codec_type(static_cast<HttpConnectionManager::CodecType>(in.codec_type()));
  TranslateCommon(in, report, out);
  TranslateHttp1(in, report, out);
  if (in.has_http2_protocol_options()) {
    TranslateHttp2(in.http2_protocol_options(), report, *out.mutable_http2_protocol_options());
  }
}

}  // namespace k8sgw::plugins::hcm
