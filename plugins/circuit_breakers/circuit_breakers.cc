// Limits on what is under way to an Upstream at one time: the Upstream's own, or else those of the Settings.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/circuit_breaker.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "plugins/circuit_breakers/circuit_breakers.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::circuit_breakers {
namespace {

void Cluster(const envoy::ClusterArgs& args) {
  const auto& defaults = args.context.settings().gloo();
  if (!args.upstream.has_circuit_breakers() && !defaults.has_circuit_breakers()) return;
  const gloov1::CircuitBreakerConfig& in =
      args.upstream.has_circuit_breakers() ? args.upstream.circuit_breakers() : defaults.circuit_breakers();
  auto& out = *args.out.mutable_circuit_breakers()->add_thresholds();
  if (in.has_max_connections()) *out.mutable_max_connections() = in.max_connections();
  if (in.has_max_pending_requests()) *out.mutable_max_pending_requests() = in.max_pending_requests();
  if (in.has_max_requests()) *out.mutable_max_requests() = in.max_requests();
  if (in.has_max_retries()) *out.mutable_max_retries() = in.max_retries();
  out.set_track_remaining(in.track_remaining());
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.Upstream.circuit_breakers"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "circuit_breakers",
    .claims = kClaims,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::circuit_breakers
