#include "src/envoy/cluster.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <optional>

#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "api/options/kubernetes.proto.h"
#include "api/options/subset_spec.proto.h"
#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.proto.h"
#include "plugins/static_upstream/static_upstream.proto.h"
#include "src/base/address.h"
#include "src/discovery/service_upstream.h"
#include "src/envoy/names.h"
#include "src/envoy/resource.h"

namespace k8sgw::envoy {
namespace {

constexpr char kHttpProtocolOptions[] = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
constexpr int kDefaultConnectTimeoutSeconds = 5;

// The JSON name of the Upstream's type, such as `static`; "" when it has none.
std::string TypeName(const gloov1::Upstream& upstream) {
  const auto* descriptor = upstream.GetDescriptor()->FindOneofByName("upstream_type");
  const auto* field = upstream.GetReflection()->GetOneofFieldDescriptor(upstream, descriptor);
  return field ? field->json_name() : "";
}

EndpointSource EndpointsOf(const gloov1::Upstream& upstream) {
  const auto& kube = upstream.kube();
  EndpointSource source{{kube.service_namespace(), kube.service_name()}, kube.service_port(), {}, {}};
  source.selector.insert(kube.selector().begin(), kube.selector().end());
  for (const auto& keys : DescribeUpstream(upstream).subset_keys) {
    source.subset_keys.insert(source.subset_keys.end(), keys.begin(), keys.end());
  }
  for (const auto& [key, value] : kube.subset_spec().default_subset().values()) source.subset_keys.push_back(key);
  std::ranges::sort(source.subset_keys);
  source.subset_keys.erase(std::unique(source.subset_keys.begin(), source.subset_keys.end()), source.subset_keys.end());
  return source;
}

}  // namespace

TranslatedCluster TranslateCluster(const Context& context, const UpstreamRef& ref, const gloov1::Upstream& upstream) {
  return TranslateCluster(context, ref, upstream, {Kind::kUpstream, ref.ns, ref.name});
}

TranslatedCluster TranslateCluster(const Context& context, const UpstreamRef& ref, const gloov1::Upstream& upstream,
                                   const ResourceKey& object) {
  TranslatedCluster result;
  Reporter report(result.problems, {object, ""});
  clusterv3::Cluster out;
  out.set_name(ClusterName(ref));
  out.mutable_connect_timeout()->set_seconds(kDefaultConnectTimeoutSeconds);
  upstreamhttpv3::HttpProtocolOptions http;
  const ClusterArgs args{context, ref, upstream, report, out, http};
  for (const Plugin* plugin : AllPlugins()) {
    if (plugin->cluster) plugin->cluster(args);
  }
  if (http.ByteSizeLong() > 0) {
    if (http.upstream_protocol_options_case() ==
        upstreamhttpv3::HttpProtocolOptions::UPSTREAM_PROTOCOL_OPTIONS_NOT_SET) {
      http.mutable_explicit_http_config()->mutable_http_protocol_options();
    }
    PackAny(http, &(*out.mutable_typed_extension_protocol_options())[kHttpProtocolOptions]);
  }
  for (const Plugin* plugin : AllPlugins()) {
    if (plugin->finish_cluster) plugin->finish_cluster(args);
  }
  WarnUntranslated(upstream, report);

  const std::string type = TypeName(upstream);
  if (type.empty()) {
    report.Error("", "the Upstream has no type", "add static: {hosts: [{addr: …, port: …}]}");
  }
  result.accepted = !report.failed() && (out.has_load_assignment() || out.has_eds_cluster_config());
  if (out.has_eds_cluster_config()) {
    auto resource = std::make_shared<xds::Resource>(*MakeResource(xds::Type::kCluster, out.name(), out));
    resource->has_endpoints = true;
    result.resource = std::move(resource);
    result.endpoints = std::make_shared<const EndpointSource>(EndpointsOf(upstream));
  } else if (out.has_load_assignment()) {
    result.resource = MakeResource(xds::Type::kCluster, out.name(), out);
  }
  return result;
}

TranslatedCluster TranslateDestination(const Context& context, const KubeDestination& destination,
                                       const Object<core::Service>& service) {
  const ServiceRef& ref = destination.service;
  const auto& annotations = context.settings().upstreamoptions().global_annotations();
  gloov1::Upstream upstream;
  const auto mistakes = discovery::DescribePort(ref, service, *FindPort(service.spec, destination.port),
                                                Labels(annotations.begin(), annotations.end()), &upstream);
  const ResourceKey key = ObjectOf(destination.upstream());
  TranslatedCluster cluster = TranslateCluster(context, destination.upstream(), upstream, key);
  Reporter report(cluster.problems, {key, "metadata.annotations"});
  for (const std::string& mistake : mistakes) report.Warning("", mistake, "correct the annotation");
  return cluster;
}

flow::Candidate<xds::Resource> ClusterOf(const TranslatedCluster& cluster) {
  return {cluster.resource, cluster.accepted};
}

flow::Candidate<EndpointSource> EndpointSourceOf(const TranslatedCluster& cluster) {
  return {cluster.endpoints, cluster.accepted};
}

UpstreamHead DescribeUpstream(const gloov1::Upstream& upstream) {
  UpstreamHead head;
  if (upstream.has_kube()) {
    for (const auto& selector : upstream.kube().subset_spec().selectors()) {
      std::vector<std::string> keys(selector.keys().begin(), selector.keys().end());
      std::sort(keys.begin(), keys.end());
      head.subset_keys.push_back(std::move(keys));
    }
  }
  const auto& hosts = upstream.static_().hosts();
  head.uses_dns = std::any_of(hosts.begin(), hosts.end(), [](const auto& host) { return !IsIpAddress(host.addr()); });
  head.speaks_http2 =
      upstream.use_http2().value() && upstream.protocol_selection() != gloov1::Upstream::USE_DOWNSTREAM_PROTOCOL;
  return head;
}

}  // namespace k8sgw::envoy
