// Buffering of whole requests before they are sent on, with a limit; on listeners, virtual hosts, routes and weighted
// destinations.

#include <google/protobuf/wrappers.pb.h>

#include <limits>

#include "api/envoy/extensions/filters/http/buffer/v3/buffer.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "api/gloo/v1/weighted_destination_options.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/extensions/filters/http/buffer/v3/buffer.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::buffer {
namespace {

namespace bufferv1 = ::solo::io::envoy::extensions::filters::http::buffer::v3;
namespace bufferv3 = ::envoy::extensions::filters::http::buffer::v3;

constexpr char kFilter[] = "envoy.filters.http.buffer";

// Envoy wants a limit, and not 0.
void Translate(const bufferv1::Buffer& in, envoy::Reporter report, bufferv3::Buffer& out) {
  if (in.max_request_bytes().value() == 0) {
    report.Error("maxRequestBytes", in.has_max_request_bytes() ? "is 0" : "is missing",
                 "write the size of the largest request that is let through, in bytes");
  }
  out.mutable_max_request_bytes()->set_value(in.max_request_bytes().value());
}

// The same on virtual hosts, routes and weighted destinations.
template <typename Args>
void PerRoute(const Args& args) {
  if (!args.options.has_buffer_per_route()) return;
  const bufferv1::BufferPerRoute& in = args.options.buffer_per_route();
  bufferv3::BufferPerRoute out;
  if (in.has_buffer()) {
    Translate(in.buffer(), args.report.At("bufferPerRoute.buffer"), *out.mutable_buffer());
  } else if (in.disabled()) {
    out.set_disabled(true);
  } else {
    args.report.Warning("bufferPerRoute", "says neither disabled: true nor buffer, so it has no effect",
                        "remove it, or add one of them");
    return;
  }
  args.filters.Set(kFilter, out);
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  bufferv3::Buffer out;
  if (args.options.has_buffer()) {
    Translate(args.options.buffer(), args.report.At("buffer"), out);
    args.AddFilter({envoy::Stage::kRoute}, kFilter, out);
  } else if (args.needs.contains(kFilter)) {
    // For those who have a limit of their own; Envoy wants one here, too, but it never counts.
    out.mutable_max_request_bytes()->set_value(std::numeric_limits<uint32_t>::max());
    args.AddDisabledFilter({envoy::Stage::kRoute}, kFilter, out);
  }
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.HttpListenerOptions.buffer",
    "gloo.solo.io.VirtualHostOptions.buffer_per_route",
    "gloo.solo.io.RouteOptions.buffer_per_route",
    "gloo.solo.io.WeightedDestinationOptions.buffer_per_route",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "buffer",
    .claims = kClaims,
    .virtual_host = PerRoute<envoy::VirtualHostArgs>,
    .route = PerRoute<envoy::RouteArgs>,
    .weighted_destination = PerRoute<envoy::WeightedDestinationArgs>,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::buffer
