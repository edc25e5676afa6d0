#include "src/envoy/destination.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>

#include "api/core/v1/ref.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/subset.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "api/gloo/v1/weighted_destination_options.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "src/envoy/header_check.h"
#include "src/envoy/names.h"

namespace k8sgw::envoy {
namespace {

using ::envoy::config::core::v3::Metadata;
using google::protobuf::RepeatedPtrField;

bool ReplaceInvalid(const Context& context) {
  return context.settings().gloo().invalid_config_policy().replace_invalid_routes();
}

// A route with a subset only makes sense when the Upstream has a selector with exactly these keys.
void CheckSubset(const gloov1::Subset& subset, const UpstreamHead& upstream, Reporter& report) {
  if (subset.values().empty()) return;
  if (upstream.subset_keys.empty()) {
    report.Warning("subset", "the route asks for a subset, but the Upstream has no subsetSpec",
                   "add a subsetSpec with these keys to the Upstream, or remove the subset");
    return;
  }
  std::vector<std::string> keys;
  for (const auto& [key, value] : subset.values()) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  if (std::find(upstream.subset_keys.begin(), upstream.subset_keys.end(), keys) == upstream.subset_keys.end()) {
    report.Error("subset", "no selector in the Upstream's subsetSpec has exactly these keys",
                 "use the keys of one of its selectors, or add a selector");
  }
}

// The cluster of one destination; reports what is wrong with it.
// An Upstream without a namespace is in `default_ns`.
std::string ResolveCluster(const Context& context, const gloov1::Destination& destination,
                           const std::string& default_ns, Reporter& report, DestinationState& state) {
  const auto missing = [&](std::string_view field, std::string what, std::string fix) {
    report.Warning(field, std::move(what), std::move(fix));
    state = DestinationState::kMissing;
    return std::string(ReplaceInvalid(context) ? kFallbackCluster : "");
  };
  if (destination.has_destination_spec()) {
    report.Notice("destinationSpec", "function destinations are not translated yet, so it has no effect",
                  "remove it, or send to an Upstream as a whole");
  }
  if (destination.has_kube()) {
    const auto& kube = destination.kube();
    const KubeDestination to{{kube.ref().namespace_(), kube.ref().name()}, kube.port()};
    const auto service = context.FindService(to.service);
    std::string name;
    if (context.settings().gloo().disable_kubernetes_destinations()) {
      name = missing("kube", "Settings switch off destinations of this kind (gloo.disableKubernetesDestinations)",
                     "use an Upstream of type kube");
    } else if (!service) {
      name =
          missing("kube", "there is no Service " + to.service.ToString(), "create it, or correct name and namespace");
    } else if (!FindPort(service->spec, to.port)) {
      name = missing("kube.port", "the Service " + to.service.ToString() + " has no port " + std::to_string(to.port),
                     "use one of its ports");
    } else {
      context.Use(to);
    }
    return name.empty() ? ClusterName(to.upstream()) : name;
  }
  if (destination.has_consul()) {
    const std::string name =
        missing("consul", "Consul services are not known here, so requests are answered with an error",
                "use an Upstream with static hosts");
    return name.empty() ? "consul-svc:" + destination.consul().service_name() : name;
  }
  if (!destination.has_upstream()) {
    report.Error("", "the destination names no upstream", "add upstream: {name: …, namespace: …}");
    return "";
  }
  const std::string& ns = destination.upstream().namespace_();
  const UpstreamRef ref{ns.empty() ? default_ns : ns, destination.upstream().name()};
  const Ptr<UpstreamHead> upstream = context.FindUpstream(ref);
  if (!upstream || !upstream->served) {
    const std::string name = missing("upstream",
                                     upstream ? "Upstream " + ref.ToString() + " is invalid and was never served"
                                              : "there is no Upstream " + ref.ToString(),
                                     upstream ? "mend the Upstream" : "create it, or correct name and namespace");
    return name.empty() ? ClusterName(ref) : name;
  }
  CheckSubset(destination.subset(), *upstream, report);
  return ClusterName(ref);
}

void SetSubset(const gloov1::Destination& destination, Metadata* (*mutable_metadata)(void*), void* out) {
  if (!destination.has_subset()) return;
  auto& fields = *(*mutable_metadata(out)->mutable_filter_metadata())["envoy.lb"].mutable_fields();
  for (const auto& [key, value] : destination.subset().values()) fields[key].set_string_value(value);
}

DestinationState TranslateWeighted(const Context& context, const RepeatedPtrField<gloov1::WeightedDestination>& in,
                                   const std::string& default_ns, Reporter report, Needs& needs,
                                   routev3::RouteAction& out) {
  DestinationState state = DestinationState::kFound;
  auto& clusters = *out.mutable_weighted_clusters();
  if (in.empty()) {
    report.Error("", "there is no destination", "add at least one");
    return state;
  }
  uint64_t total = 0;
  for (int i = 0; i < in.size(); ++i) {
    Reporter part = report.At("[" + std::to_string(i) + "]");
    Reporter destination = part.At("destination");
    auto& cluster = *clusters.add_clusters();
    cluster.set_name(ResolveCluster(context, in[i].destination(), default_ns, destination, state));
    cluster.mutable_weight()->set_value(in[i].weight().value());
    total += in[i].weight().value();
    SetSubset(
        in[i].destination(),
        [](void* c) { return static_cast<routev3::WeightedCluster_ClusterWeight*>(c)->mutable_metadata_match(); },
        &cluster);
    Reporter options = part.At("options");
    PerFilterConfig filters(*cluster.mutable_typed_per_filter_config(), needs);
    const WeightedDestinationArgs args{context, in[i].destination(), in[i].options(), options, cluster, filters};
    for (const Plugin* plugin : AllPlugins()) {
      if (plugin->weighted_destination) plugin->weighted_destination(args);
    }
    WarnUntranslated(in[i].options(), options);
  }
  if (total < 1)
    report.Error("", "the weights add up to 0, so no destination can be chosen", "set a weight of 1 or more");
  if (total > UINT32_MAX) report.Error("", "the weights add up to more than 4294967295", "use smaller weights");
  return state;
}

ResourceKey KeyOf(const UpstreamGroupRef& ref) { return {Kind::kUpstreamGroup, ref.ns, ref.name}; }

}  // namespace

DestinationState TranslateDestination(const Context& context, const gloov1::RouteAction& action, Reporter& report,
                                      Needs& needs, routev3::RouteAction& out) {
  DestinationState state = DestinationState::kFound;
  switch (action.destination_case()) {
    case gloov1::RouteAction::kSingle: {
      Reporter part = report.At("single");
      out.set_cluster(ResolveCluster(context, action.single(), "", part, state));
      SetSubset(
          action.single(), [](void* a) { return static_cast<routev3::RouteAction*>(a)->mutable_metadata_match(); },
          &out);
      break;
    }
    case gloov1::RouteAction::kMulti:
      return TranslateWeighted(context, action.multi().destinations(), "", report.At("multi.destinations"), needs, out);
    case gloov1::RouteAction::kUpstreamGroup: {
      const UpstreamGroupRef ref{action.upstream_group().namespace_(), action.upstream_group().name()};
      const auto group = context.FindUpstreamGroup(ref);
      if (!group) {
        report.Error("upstreamGroup", "there is no UpstreamGroup " + ref.ToString(),
                     "create it, or correct name and namespace");
        out.set_cluster(kFallbackCluster);
        return DestinationState::kMissing;
      }
      // What is wrong inside the group is reported on the group.
      Reporter in_group = report.OnObject(KeyOf(ref), "destinations");
      return TranslateWeighted(context, group->spec.destinations(), ref.ns.str(), in_group, needs, out);
    }
    case gloov1::RouteAction::kClusterHeader: {
      const std::string& header = action.cluster_header();
      if (std::string problem = CheckHeaderName(header); !problem.empty()) {
        report.Error("clusterHeader", std::move(problem), kHeaderNameFix);
      }
      out.set_cluster_header(header);
      break;
    }
    case gloov1::RouteAction::kDynamicForwardProxy:
      report.Error("dynamicForwardProxy", "is not translated yet", "use single, multi or upstreamGroup");
      break;
    case gloov1::RouteAction::DESTINATION_NOT_SET:
      report.Error("", "the route has no destination", "add single, multi, upstreamGroup or clusterHeader");
      break;
  }
  return state;
}

Problems CheckUpstreamGroup(const Context& context, const UpstreamGroupRef& ref, const gloov1::UpstreamGroup& group) {
  Problems problems;
  Needs needs;
  routev3::RouteAction unused;
  TranslateWeighted(context, group.destinations(), ref.ns.str(), Reporter(problems, {KeyOf(ref), "destinations"}),
                    needs, unused);
  return problems;
}

}  // namespace k8sgw::envoy
