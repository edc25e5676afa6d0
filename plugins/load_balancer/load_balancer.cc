// How requests are spread over the hosts of an Upstream.

#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/upstream.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/type/v3/percent.proto.h"
#include "plugins/load_balancer/load_balancer.proto.h"
#include "src/envoy/cluster.h"
#include "src/envoy/duration.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::load_balancer {
namespace {

using gloov1::LoadBalancerConfig;
using google::protobuf::DoubleValue;
using EnvoyCluster = envoy::clusterv3::Cluster;

// Envoy's limits and defaults for hash rings.
constexpr uint64_t kLargestRing = 8388608;
constexpr uint64_t kDefaultMinimumRing = 1024;

// Also false for NaN.
bool IsPercent(double value) { return value >= 0 && value <= 100; }

void TranslateSlowStart(const LoadBalancerConfig::SlowStartConfig& in, const std::string& cluster,
                        envoy::Reporter report, EnvoyCluster::SlowStartConfig& out) {
  if (!in.has_slow_start_window()) {
    report.Error("slowStartWindow", "is missing", "say how long a new host is spared, such as 30s");
  } else if (envoy::CheckDuration(in.slow_start_window(), 1, "slowStartWindow", report)) {
    *out.mutable_slow_start_window() = in.slow_start_window();
  }
  if (in.has_aggression()) {
    if (!(in.aggression().value() > 0)) report.Error("aggression", "is not above 0", "use a number above 0");
    out.mutable_aggression()->set_default_value(in.aggression().value());
    // The published name, by which the number can be changed in a running Envoy.
    out.mutable_aggression()->set_runtime_key("upstream." + cluster + ".slowStart.aggression");
  }
  if (in.has_min_weight_percent()) {
    if (!IsPercent(in.min_weight_percent().value())) {
      report.Error("minWeightPercent", "is no percentage", "use 0 to 100");
    }
    out.mutable_min_weight_percent()->set_value(in.min_weight_percent().value());
  }
}

void TranslateLeastRequest(const LoadBalancerConfig::LeastRequest& in, envoy::Reporter report, EnvoyCluster& out) {
  if (in.choice_count() == 1) {
    report.Error("choiceCount", "is 1, which leaves nothing to choose from", "use 2 or more, or random");
  }
  if (in.choice_count() != 0) {
    out.mutable_least_request_lb_config()->mutable_choice_count()->set_value(in.choice_count());
  }
  if (in.has_slow_start_config()) {
    TranslateSlowStart(in.slow_start_config(), out.name(), report.At("slowStartConfig"),
                       *out.mutable_least_request_lb_config()->mutable_slow_start_config());
  }
}

void TranslateRingHash(const LoadBalancerConfig::RingHashConfig& in, envoy::Reporter report, EnvoyCluster& out) {
  auto& ring = *out.mutable_ring_hash_lb_config();
  if (in.minimum_ring_size() != 0) ring.mutable_minimum_ring_size()->set_value(in.minimum_ring_size());
  if (in.maximum_ring_size() != 0) ring.mutable_maximum_ring_size()->set_value(in.maximum_ring_size());
  const uint64_t minimum = in.minimum_ring_size() != 0 ? in.minimum_ring_size() : kDefaultMinimumRing;
  const uint64_t maximum = in.maximum_ring_size() != 0 ? in.maximum_ring_size() : kLargestRing;
  if (minimum > kLargestRing) {
    report.Error("minimumRingSize", "is more than 8388608", "use 8388608 or less");
  } else if (maximum > kLargestRing) {
    report.Error("maximumRingSize", "is more than 8388608", "use 8388608 or less");
  } else if (minimum > maximum) {
    report.Error("minimumRingSize",
                 "is " + std::to_string(minimum) + ", more than maximumRingSize: " + std::to_string(maximum),
                 "make it at most maximumRingSize");
  }
}

void TranslateType(const LoadBalancerConfig& in, envoy::Reporter& report, EnvoyCluster& out) {
  switch (in.type_case()) {
    case LoadBalancerConfig::kRoundRobin:
      out.set_lb_policy(EnvoyCluster::ROUND_ROBIN);
      if (in.round_robin().has_slow_start_config()) {
        TranslateSlowStart(in.round_robin().slow_start_config(), out.name(), report.At("roundRobin.slowStartConfig"),
                           *out.mutable_round_robin_lb_config()->mutable_slow_start_config());
      }
      break;
    case LoadBalancerConfig::kLeastRequest:
      out.set_lb_policy(EnvoyCluster::LEAST_REQUEST);
      TranslateLeastRequest(in.least_request(), report.At("leastRequest"), out);
      break;
    case LoadBalancerConfig::kRandom: out.set_lb_policy(EnvoyCluster::RANDOM); break;
    case LoadBalancerConfig::kRingHash:
      out.set_lb_policy(EnvoyCluster::RING_HASH);
      TranslateRingHash(in.ring_hash().ring_hash_config(), report.At("ringHash.ringHashConfig"), out);
      break;
    case LoadBalancerConfig::kMaglev: out.set_lb_policy(EnvoyCluster::MAGLEV); break;
    case LoadBalancerConfig::TYPE_NOT_SET: break;
  }
}

// Envoy refuses to hash names when it does not find the hosts by name.
bool HasFixedAddresses(const gloov1::Upstream& upstream) {
  return upstream.has_pipe() || (upstream.has_static_() && !envoy::DescribeUpstream(upstream).uses_dns);
}

void Cluster(const envoy::ClusterArgs& args) {
  if (!args.upstream.has_load_balancer_config()) return;
  const LoadBalancerConfig& in = args.upstream.load_balancer_config();
  envoy::Reporter report = args.report.At("loadBalancerConfig");
  TranslateType(in, report, args.out);

  if (in.has_healthy_panic_threshold()) {
    if (!IsPercent(in.healthy_panic_threshold().value())) {
      report.Error("healthyPanicThreshold", "is no percentage", "use 0 to 100");
    }
    args.out.mutable_common_lb_config()->mutable_healthy_panic_threshold()->set_value(
        in.healthy_panic_threshold().value());
  }
  if (in.has_update_merge_window() && envoy::CheckDuration(in.update_merge_window(), 0, "updateMergeWindow", report)) {
    *args.out.mutable_common_lb_config()->mutable_update_merge_window() = in.update_merge_window();
  }
  if (in.has_locality_weighted_lb_config()) args.out.mutable_common_lb_config()->mutable_locality_weighted_lb_config();
  if (in.close_connections_on_host_set_change()) {
    args.out.mutable_common_lb_config()->set_close_connections_on_host_set_change(true);
  }
  if (in.use_hostname_for_hashing().value() && HasFixedAddresses(args.upstream)) {
    report.Error("useHostnameForHashing", "needs hosts that are found by name, and these are addresses",
                 "remove it, or give the hosts by name");
  } else if (in.use_hostname_for_hashing().value()) {
    args.out.mutable_common_lb_config()->mutable_consistent_hashing_lb_config()->set_use_hostname_for_hashing(true);
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.Upstream.load_balancer_config"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "load_balancer",
    .claims = kClaims,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::load_balancer
