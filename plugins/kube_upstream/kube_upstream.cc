// Upstreams of type kube: a port of a Service, whose pods Envoy learns of by EDS, and their subsets.

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "api/options/kubernetes.proto.h"
#include "api/options/subset_spec.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/core/v3/config_source.proto.h"
#include "src/envoy/kube_destination.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::kube_upstream {
namespace {

using EnvoyCluster = envoy::clusterv3::Cluster;
using Subsets = EnvoyCluster::LbSubsetConfig;
namespace optionsv1 = ::options::gloo::solo::io;

// As published: the name stands in the bootstraps of proxies.
constexpr char kRestCluster[] = "rest_xds_cluster";
constexpr int kRestSeconds = 5;

Subsets::LbSubsetFallbackPolicy FallbackOf(optionsv1::FallbackPolicy policy) {
  switch (policy) {
    case optionsv1::DEFAULT_SUBSET: return Subsets::DEFAULT_SUBSET;
    case optionsv1::NO_FALLBACK: return Subsets::NO_FALLBACK;
    default: return Subsets::ANY_ENDPOINT;
  }
}

void AddSubsets(const optionsv1::SubsetSpec& in, envoy::Reporter report, Subsets& out) {
  out.set_fallback_policy(FallbackOf(in.fallbackpolicy()));
  auto& fields = *out.mutable_default_subset()->mutable_fields();
  for (const auto& [key, value] : in.default_subset().values()) fields[key].set_string_value(value);
  if (fields.empty()) out.clear_default_subset();
  for (int i = 0; i < in.selectors_size(); ++i) {
    const auto& selector = in.selectors(i);
    if (selector.keys().empty()) {
      report.Error("selectors[" + std::to_string(i) + "].keys", "is empty", "name at least one label");
    }
    auto& to = *out.add_subset_selectors();
    *to.mutable_keys() = selector.keys();
    to.set_single_host_per_subset(selector.single_host_per_subset());
    if (selector.single_host_per_subset() && selector.keys_size() > 1) {
      report.Error("selectors[" + std::to_string(i) + "].singleHostPerSubset",
                   "is only possible with one key, and there are " + std::to_string(selector.keys_size()),
                   "remove it, or all keys but one");
    }
  }
}

// Over the stream of everything else, or by REST when Settings say so. Only the bootstraps of an installation have the
// cluster that REST needs.
void SetEndpointSource(const envoy::Context& context, ::envoy::config::core::v3::ConfigSource& source) {
  source.set_resource_api_version(::envoy::config::core::v3::V3);
  const bool rest = context.settings().gloo().enable_rest_eds().value();
  if (!rest || context.options().settings.origin == Origin::kCommandLine) {
    source.mutable_ads();
    return;
  }
  auto& api = *source.mutable_api_config_source();
  api.set_api_type(::envoy::config::core::v3::ApiConfigSource::REST);
  api.set_transport_api_version(::envoy::config::core::v3::V3);
  api.add_cluster_names(kRestCluster);
  api.mutable_refresh_delay()->set_seconds(kRestSeconds);
  api.mutable_request_timeout()->set_seconds(kRestSeconds);
}

void Cluster(const envoy::ClusterArgs& args) {
  if (!args.upstream.has_kube()) return;
  const auto& kube = args.upstream.kube();
  args.out.set_type(EnvoyCluster::EDS);
  SetEndpointSource(args.context, *args.out.mutable_eds_cluster_config()->mutable_eds_config());
  if (kube.has_subset_spec()) {
    AddSubsets(kube.subset_spec(), args.report.At("kube.subsetSpec"), *args.out.mutable_lb_subset_config());
  }

  const envoy::KubeDestination to{{kube.service_namespace(), kube.service_name()}, kube.service_port()};
  const auto service = args.context.FindService(to.service);
  if (!service) {
    args.report.Error("kube", "there is no Service " + to.service.ToString(),
                      "create it, or correct serviceName and serviceNamespace");
  } else if (!envoy::FindPort(service->spec, to.port)) {
    args.report.Warning("kube.servicePort",
                        "the Service " + to.service.ToString() + " has no port " + std::to_string(to.port) +
                            ", so there are no endpoints",
                        "use one of its ports");
  } else if (service->spec.type == core::kExternalName) {
    args.report.Warning(
        "kube", "the Service " + to.service.ToString() + " is a name of another host, so there are no endpoints",
        "use static: {hosts: [{addr: " + service->spec.external_name + ", port: …}]}");
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.Upstream.kube"};
constexpr std::string_view kNotYet[] = {"kubernetes.options.gloo.solo.io.UpstreamSpec.service_spec"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "kube_upstream",
    .claims = kClaims,
    .not_yet = kNotYet,
    .cluster = Cluster,
};

}  // namespace k8sgw::plugins::kube_upstream
