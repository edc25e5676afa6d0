// Time limits of routes: the whole request, idle streams, and the longest life of a stream.

#include "api/gloo/v1/route_options.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::timeouts {
namespace {

void Route(const envoy::RouteArgs& args) {
  const auto& options = args.options;
  if (options.has_timeout() && args.RequireAction("timeout") &&
      envoy::CheckDuration(options.timeout(), 0, "timeout", args.report)) {
    *args.action->mutable_timeout() = options.timeout();
  }
  if (options.has_idle_timeout() && args.RequireAction("idleTimeout") &&
      envoy::CheckDuration(options.idle_timeout(), 0, "idleTimeout", args.report)) {
    *args.action->mutable_idle_timeout() = options.idle_timeout();
  }
  if (!options.has_max_stream_duration() || !args.RequireAction("maxStreamDuration")) return;
  const auto& in = options.max_stream_duration();
  auto& out = *args.action->mutable_max_stream_duration();
  if (in.has_max_stream_duration() &&
      envoy::CheckDuration(in.max_stream_duration(), 0, "maxStreamDuration.maxStreamDuration", args.report)) {
    *out.mutable_max_stream_duration() = in.max_stream_duration();
  }
  if (in.has_grpc_timeout_header_max() &&
      envoy::CheckDuration(in.grpc_timeout_header_max(), 0, "maxStreamDuration.grpcTimeoutHeaderMax", args.report)) {
    *out.mutable_grpc_timeout_header_max() = in.grpc_timeout_header_max();
  }
  if (in.has_grpc_timeout_header_offset() &&
      envoy::CheckDuration(in.grpc_timeout_header_offset(), 0, "maxStreamDuration.grpcTimeoutHeaderOffset",
                           args.report)) {
    *out.mutable_grpc_timeout_header_offset() = in.grpc_timeout_header_offset();
  }
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.RouteOptions.timeout",
    "gloo.solo.io.RouteOptions.idle_timeout",
    "gloo.solo.io.RouteOptions.max_stream_duration",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "timeouts",
    .claims = kClaims,
    .route = Route,
};

}  // namespace k8sgw::plugins::timeouts
