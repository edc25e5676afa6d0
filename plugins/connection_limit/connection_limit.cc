// Limits the number of connections of a listener that are open at a time.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/http_listener_options.proto.h"
#include "envoy/extensions/filters/network/connection_limit/v3/connection_limit.proto.h"
#include "plugins/connection_limit/connection_limit.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::connection_limit {
namespace {

namespace limitv3 = ::envoy::extensions::filters::network::connection_limit::v3;

constexpr char kFilter[] = "envoy.filters.network.connection_limit";
constexpr char kStatPrefix[] = "http";

void HttpListener(const envoy::HttpListenerArgs& args) {
  if (!args.options.has_connection_limit()) return;
  const auto& in = args.options.connection_limit();
  envoy::Reporter report = args.report.At("connectionLimit");
  if (!in.has_max_active_connections()) {
    report.Warning("", "has no effect, because maxActiveConnections is missing", "add maxActiveConnections: 1 or more");
    return;
  }
  limitv3::ConnectionLimit out;
  out.set_stat_prefix(kStatPrefix);
  if (in.max_active_connections().value() == 0) report.Error("maxActiveConnections", "is 0", "use 1 or more");
  out.mutable_max_connections()->set_value(in.max_active_connections().value());
  if (in.has_delay_before_close() && envoy::CheckDuration(in.delay_before_close(), 0, "delayBeforeClose", report)) {
    *out.mutable_delay() = in.delay_before_close();
  }
  args.AddNetworkFilter({envoy::Stage::kRateLimit, -1}, kFilter, out);
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.HttpListenerOptions.connection_limit"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "connection_limit",
    .claims = kClaims,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::connection_limit
