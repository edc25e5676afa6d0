// Keep-alive probes on the connections to an Upstream.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/address.proto.h"
#include "plugins/connection/connection.proto.h"
#include "src/envoy/duration.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::tcp_keepalive {
namespace {

// Linux refuses more, and a connection whose options are refused is closed.
constexpr uint32_t kMostProbes = 127;
constexpr int64_t kMostSeconds = 32767;

// In whole seconds, rounded up.
uint32_t Seconds(const google::protobuf::Duration& duration, std::string_view field, envoy::Reporter& report) {
  if (!envoy::CheckDuration(duration, 0, field, report)) return 0;
  if (duration.seconds() > kMostSeconds || (duration.seconds() == kMostSeconds && duration.nanos() > 0)) {
    report.Error(field, "is longer than 32767s, the most that Linux allows", "use 32767s or less");
    return 0;
  }
  return static_cast<uint32_t>(duration.seconds() + (duration.nanos() > 0 ? 1 : 0));
}

void Cluster(const envoy::ClusterArgs& args) {
  if (!args.upstream.connection_config().has_tcp_keepalive()) return;
  const auto& in = args.upstream.connection_config().tcp_keepalive();
  envoy::Reporter report = args.report.At("connectionConfig.tcpKeepalive");
  auto& out = *args.out.mutable_upstream_connection_options()->mutable_tcp_keepalive();
  if (in.keepalive_probes() > kMostProbes) {
    report.Error("keepaliveProbes", "is more than 127, the most that Linux allows", "use 127 or less");
  }
  if (in.keepalive_probes() > 0) out.mutable_keepalive_probes()->set_value(in.keepalive_probes());
  if (in.has_keepalive_time()) {
    out.mutable_keepalive_time()->set_value(Seconds(in.keepalive_time(), "keepaliveTime", report));
  }
  if (in.has_keepalive_interval()) {
    out.mutable_keepalive_interval()->set_value(Seconds(in.keepalive_interval(), "keepaliveInterval", report));
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.ConnectionConfig.tcp_keepalive"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "tcp_keepalive",
    .claims = kClaims,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::tcp_keepalive
