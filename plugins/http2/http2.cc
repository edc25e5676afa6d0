// The version of HTTP that is spoken with an Upstream, and the options of HTTP/2. Those of HTTP/1 are in
// plugins/connection.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/protocol.proto.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::http2 {
namespace {

using ::envoy::config::core::v3::Http2ProtocolOptions;
using google::protobuf::UInt32Value;

constexpr uint32_t kLeastWindow = 65535;
constexpr uint32_t kMost = 2147483647;  // 2^31 - 1: the greatest window and stream number of HTTP/2

void SetNumber(const UInt32Value& in, uint32_t least, std::string_view field, envoy::Reporter& report,
               UInt32Value& out) {
  if (in.value() < least || in.value() > kMost) {
    report.Error(field, "is " + std::to_string(in.value()),
                 "use " + std::to_string(least) + " to " + std::to_string(kMost));
  }
  out = in;
}

Http2ProtocolOptions Translate(const gloov1::Upstream& in, envoy::Reporter& report) {
  Http2ProtocolOptions out;
  if (in.has_initial_stream_window_size()) {
    SetNumber(in.initial_stream_window_size(), kLeastWindow, "initialStreamWindowSize", report,
              *out.mutable_initial_stream_window_size());
  }
  if (in.has_initial_connection_window_size()) {
    SetNumber(in.initial_connection_window_size(), kLeastWindow, "initialConnectionWindowSize", report,
              *out.mutable_initial_connection_window_size());
  }
  if (in.has_max_concurrent_streams()) {
    SetNumber(in.max_concurrent_streams(), 1, "maxConcurrentStreams", report, *out.mutable_max_concurrent_streams());
  }
  if (in.has_override_stream_error_on_invalid_http_message()) {
    *out.mutable_override_stream_error_on_invalid_http_message() = in.override_stream_error_on_invalid_http_message();
  }
  return out;
}

void WarnNoEffect(const gloov1::Upstream& in, envoy::Reporter& report) {
  const auto warn = [&](bool is_set, std::string_view field) {
    if (is_set) report.Warning(field, "has no effect without useHttp2", "set useHttp2: true");
  };
  warn(in.has_initial_stream_window_size(), "initialStreamWindowSize");
  warn(in.has_initial_connection_window_size(), "initialConnectionWindowSize");
  warn(in.has_max_concurrent_streams(), "maxConcurrentStreams");
  warn(in.has_override_stream_error_on_invalid_http_message(), "overrideStreamErrorOnInvalidHttpMessage");
}

void Cluster(const envoy::ClusterArgs& args) {
  Http2ProtocolOptions options;
  if (args.upstream.use_http2().value()) {
    options = Translate(args.upstream, args.report);
  } else {
    WarnNoEffect(args.upstream, args.report);
  }
  if (args.upstream.protocol_selection() == gloov1::Upstream::USE_DOWNSTREAM_PROTOCOL) {
    // HTTP/2 of a client is HTTP/2 to the Upstream even without useHttp2, so its options are always there.
    auto& out = *args.http.mutable_use_downstream_protocol_config();
    out.mutable_http_protocol_options();
    *out.mutable_http2_protocol_options() = options;
  } else if (args.upstream.use_http2().value()) {
    *args.http.mutable_explicit_http_config()->mutable_http2_protocol_options() = options;
  }
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.Upstream.protocol_selection",
    "gloo.solo.io.Upstream.use_http2",
    "gloo.solo.io.Upstream.initial_stream_window_size",
    "gloo.solo.io.Upstream.initial_connection_window_size",
    "gloo.solo.io.Upstream.max_concurrent_streams",
    "gloo.solo.io.Upstream.override_stream_error_on_invalid_http_message",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "http2",
    .claims = kClaims,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::http2
