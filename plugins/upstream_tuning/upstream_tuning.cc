// Small settings of an Upstream: how its hosts come and go, how names are looked up, and connections made in advance.
// Runs after the plugins that set the type of the cluster.

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::upstream_tuning {
namespace {

using google::protobuf::DoubleValue;

void SetDnsRefreshRate(const envoy::ClusterArgs& args) {
  const google::protobuf::Duration& rate = args.upstream.dns_refresh_rate();
  if (rate.seconds() < 0 || (rate.seconds() == 0 && rate.nanos() < 1'000'000)) {
    args.report.Warning("dnsRefreshRate", "is shorter than 1ms, so it is ignored", "use 1ms or more");
    return;
  }
  if (args.out.type() != envoy::clusterv3::Cluster::STRICT_DNS &&
      args.out.type() != envoy::clusterv3::Cluster::LOGICAL_DNS) {
    args.report.Error("dnsRefreshRate", "is only possible when a host is a DNS name", "remove it");
    return;
  }
  *args.out.mutable_dns_refresh_rate() = rate;
}

void SetRatio(const DoubleValue& in, std::string_view field, envoy::Reporter& report, DoubleValue& out) {
  // Written so that it holds for NaN, too.
  if (!(in.value() >= 1 && in.value() <= 3)) report.Error(field, "is out of range", "use a number from 1 to 3");
  out = in;
}

void Cluster(const envoy::ClusterArgs& args) {
  const gloov1::Upstream& in = args.upstream;
  args.out.set_ignore_health_on_host_removal(in.ignore_health_on_host_removal().value());
  args.out.set_respect_dns_ttl(in.respect_dns_ttl().value());
  if (in.has_dns_refresh_rate()) SetDnsRefreshRate(args);
  if (!in.has_preconnect_policy()) return;
  envoy::Reporter report = args.report.At("preconnectPolicy");
  auto& out = *args.out.mutable_preconnect_policy();
  const auto& policy = in.preconnect_policy();
  if (policy.has_per_upstream_preconnect_ratio()) {
    SetRatio(policy.per_upstream_preconnect_ratio(), "perUpstreamPreconnectRatio", report,
             *out.mutable_per_upstream_preconnect_ratio());
  }
  if (policy.has_predictive_preconnect_ratio()) {
    SetRatio(policy.predictive_preconnect_ratio(), "predictivePreconnectRatio", report,
             *out.mutable_predictive_preconnect_ratio());
  }
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.Upstream.ignore_health_on_host_removal",
    "gloo.solo.io.Upstream.respect_dns_ttl",
    "gloo.solo.io.Upstream.dns_refresh_rate",
    "gloo.solo.io.Upstream.preconnect_policy",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "upstream_tuning",
    .claims = kClaims,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::upstream_tuning
