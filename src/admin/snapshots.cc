#include "src/admin/snapshots.h"

#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "api/core/v1/metadata.proto.h"
#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/admin/redactor.h"
#include "src/admin/tree.h"
#include "src/base/address.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/envoy/resource.h"
#include "src/model/inputs.h"

namespace k8sgw::admin {
namespace {

using yaml::Node;

template <class Spec>
using Objects = std::vector<Ptr<Object<Spec>>>;

template <class Spec>
Objects<Spec> AllOf(const ObjectInput<Spec>& input) {
  Objects<Spec> all;
  input.ForEach([&](const auto&, const Ptr<Object<Spec>>& object) { all.push_back(object); });
  return all;
}

// Made on the thread that writes: there may be many Secrets.
Redactor RedactorFor(const Objects<gloov1::Secret>& secrets) {
  Redactor redactor;
  for (const auto& secret : secrets) redactor.Learn(secret->spec);
  return redactor;
}

std::string Finish(Node data) {
  Node page = Mapping();
  Add(page, "data", std::move(data));
  Add(page, "error", Text(""));
  return yaml::EmitJson(page) + "\n";
}

Node TextMap(const Labels& labels, const Redactor& redactor, bool all) {
  Node node = Mapping();
  for (const auto& [key, value] : labels) Add(node, key, Text(all ? kRedacted : redactor.Text(value)));
  return node;
}

template <class Spec>
void ShowObjects(Kind kind, const Objects<Spec>& objects, const Redactor& redactor, Node& out) {
  const KindInfo* info = FindKind(KindName(kind));
  // Annotations of Secrets may repeat them: that of kubectl does.
  const bool is_secret = kind == Kind::kSecret;
  for (const auto& object : objects) {
    Node metadata = Mapping();
    Add(metadata, "name", Text(object->ref.name.str()));
    Add(metadata, "namespace", Text(object->ref.ns.str()));
    if (!object->created.empty()) Add(metadata, "creationTimestamp", Text(object->created));
    if (object->generation != 0) Add(metadata, "generation", Plain(std::to_string(object->generation)));
    if (!object->labels.empty()) Add(metadata, "labels", TextMap(object->labels, redactor, false));
    if (!object->annotations.empty()) Add(metadata, "annotations", TextMap(object->annotations, redactor, is_secret));
    Spec spec = object->spec;
    spec.clear_metadata();
    redactor.Redact(spec);
    Node node = Mapping();
    Add(node, "apiVersion", Text(std::string(info->api_version)));
    Add(node, "kind", Text(std::string(KindName(kind))));
    Add(node, "metadata", std::move(metadata));
    Add(node, "spec", EncodeProto(spec));
    out.items.push_back(std::move(node));
  }
}

Node ShowSource(const proxy::Source& source) {
  Node node = Mapping();
  Add(node, "object", Text(source.object.ToString()));
  if (!source.path.empty()) Add(node, "path", Text(source.path));
  return node;
}

// `shards` is the number of parts of its route tables, for Envoys with the module; 0 when they are whole.
Node ShowListener(const proxy::ListenerKey& key, const proxy::Listener& listener, uint32_t shards) {
  Node node = Mapping();
  Add(node, "proxy", Text(key.proxy.ToString()));
  Add(node, "name", Text(listener.spec->name()));
  Add(node, "address", Text(HostAndPort(listener.spec->bind_address(), listener.spec->bind_port())));
  Add(node, "ssl", Plain(listener.ssl));
  Add(node, "accepted", Plain(listener.accepted));
  if (shards > 0) Add(node, "routeShards", Plain(std::to_string(shards)));
  Add(node, "source", ShowSource(listener.source));
  return node;
}

uint32_t RouteShards(const Pipeline& pipeline, const proxy::ListenerKey& key) {
  const auto translated = pipeline.envoy().listeners().Get(key);
  uint32_t shards = 0;
  if (translated) {
    for (const auto& [hash, cut] : translated->cuts) shards += cut.shards;
  }
  return shards;
}

Node ShowVirtualHost(const proxy::VirtualHostKey& key, const proxy::VirtualHost& host) {
  Node node = Mapping();
  Add(node, "proxy", Text(key.listener.proxy.ToString()));
  Add(node, "gateway", Text(key.listener.gateway.ToString()));
  Add(node, "name", Text(host.spec->name()));
  Node domains = List();
  for (const std::string& domain : host.spec->domains()) domains.items.push_back(Text(domain));
  Add(node, "domains", std::move(domains));
  Add(node, "routes", Plain(std::to_string(host.spec->routes_size())));
  Add(node, "accepted", Plain(host.accepted));
  Add(node, "source", ShowSource(host.source));
  return node;
}

Node ShowProblem(const Problem& problem, const Redactor& redactor) {
  Node node = Mapping();
  Add(node, "severity", Text(problem.severity == Severity::kError ? "error" : "warning"));
  Add(node, "object", Text(problem.object.ToString()));
  if (!problem.path.empty()) Add(node, "path", Text(problem.path));
  Add(node, "message", Text(redactor.Text(problem.message)));
  if (!problem.fix.empty()) Add(node, "fix", Text(redactor.Text(problem.fix)));
  return node;
}

constexpr std::pair<xds::Type, const char*> kSections[] = {{xds::Type::kCluster, "Clusters"},
                                                           {xds::Type::kEndpoint, "Endpoints"},
                                                           {xds::Type::kListener, "Listeners"},
                                                           {xds::Type::kRoute, "Routes"},
                                                           {xds::Type::kSecret, "Secrets"}};

Node ShowResources(const std::map<std::string, Ptr<xds::Resource>>& resources, const Redactor& redactor) {
  Node items = Mapping();
  std::string versions;
  for (const auto& [name, resource] : resources) {
    // A part of a table that stands here as a whole.
    if (resource->only_with_module) continue;
    versions += resource->version;
    const std::unique_ptr<google::protobuf::Message> message = envoy::ParseAny(*resource);
    redactor.Redact(*message);
    Add(items, name, EncodeProto(*message));
  }
  Node node = Mapping();
  Add(node, "Version", Text(resources.empty() ? "" : HexHash(Hash64(versions))));
  Add(node, "Items", std::move(items));
  return node;
}

template <class Fn>
Write Later(Fn fn) {
  // A function that may be copied, of what may not.
  return [held = std::make_shared<Fn>(std::move(fn))] { return (*held)(); };
}

}  // namespace

Write TakeInput(const Pipeline& pipeline) {
  const Inputs& in = pipeline.inputs();
  return Later([settings = AllOf(in.settings), gateways = AllOf(in.gateways), services = AllOf(in.virtual_services),
                tables = AllOf(in.route_tables), host_options = AllOf(in.virtual_host_options),
                route_options = AllOf(in.route_options), upstreams = AllOf(in.upstreams),
                groups = AllOf(in.upstream_groups), secrets = AllOf(in.secrets), artifacts = AllOf(in.artifacts)] {
    const Redactor redactor = RedactorFor(secrets);
    Node data = List();
    ShowObjects(Kind::kSettings, settings, redactor, data);
    ShowObjects(Kind::kGateway, gateways, redactor, data);
    ShowObjects(Kind::kVirtualService, services, redactor, data);
    ShowObjects(Kind::kRouteTable, tables, redactor, data);
    ShowObjects(Kind::kVirtualHostOption, host_options, redactor, data);
    ShowObjects(Kind::kRouteOption, route_options, redactor, data);
    ShowObjects(Kind::kUpstream, upstreams, redactor, data);
    ShowObjects(Kind::kUpstreamGroup, groups, redactor, data);
    ShowObjects(Kind::kSecret, secrets, redactor, data);
    ShowObjects(Kind::kArtifact, artifacts, redactor, data);
    return Finish(std::move(data));
  });
}

Write TakeEdge(const Pipeline& pipeline) {
  std::vector<std::tuple<proxy::ListenerKey, Ptr<proxy::Listener>, uint32_t>> listeners;
  pipeline.gateway().listeners().ForEach([&](const auto& key, const Ptr<proxy::Listener>& listener) {
    listeners.emplace_back(key, listener, RouteShards(pipeline, key));
  });
  std::vector<std::pair<proxy::VirtualHostKey, Ptr<proxy::VirtualHost>>> hosts;
  pipeline.gateway().virtual_hosts().ForEach(
      [&](const auto& key, const Ptr<proxy::VirtualHost>& host) { hosts.emplace_back(key, host); });
  return Later([revision = pipeline.graph().revision(), listeners = std::move(listeners), hosts = std::move(hosts),
                problems = pipeline.problems(), secrets = AllOf(pipeline.inputs().secrets)] {
    const Redactor redactor = RedactorFor(secrets);
    Node data = Mapping();
    Add(data, "revision", Plain(std::to_string(revision)));
    Node shown = List();
    for (const auto& [key, listener, shards] : listeners) shown.items.push_back(ShowListener(key, *listener, shards));
    Add(data, "listeners", std::move(shown));
    shown = List();
    for (const auto& [key, host] : hosts) shown.items.push_back(ShowVirtualHost(key, *host));
    Add(data, "virtualHosts", std::move(shown));
    shown = List();
    for (const Problem& problem : problems) shown.items.push_back(ShowProblem(problem, redactor));
    Add(data, "problems", std::move(shown));
    return Finish(std::move(data));
  });
}

Write TakeProxies(const Pipeline& pipeline) {
  return Later([proxies = pipeline.AssembleProxies(), secrets = AllOf(pipeline.inputs().secrets)]() mutable {
    const Redactor redactor = RedactorFor(secrets);
    Node data = List();
    for (gloov1::Proxy& proxy : proxies) {
      redactor.Redact(proxy);
      Node metadata = EncodeProto(proxy.metadata());
      proxy.clear_metadata();
      Node node = Mapping();
      Add(node, "apiVersion", Text("gloo.solo.io/v1"));
      Add(node, "kind", Text("Proxy"));
      Add(node, "metadata", std::move(metadata));
      Add(node, "spec", EncodeProto(proxy));
      data.items.push_back(std::move(node));
    }
    return Finish(std::move(data));
  });
}

Write TakeXds(const Pipeline& pipeline) {
  std::vector<std::pair<std::string, Snapshot>> roles;
  for (const std::string& role : pipeline.roles()) roles.emplace_back(role, pipeline.ResourcesOf(role));
  return Later([roles = std::move(roles), secrets = AllOf(pipeline.inputs().secrets)] {
    const Redactor redactor = RedactorFor(secrets);
    Node data = Mapping();
    for (const auto& [role, snapshot] : roles) {
      Node sections = Mapping();
      for (const auto& [type, name] : kSections) {
        const auto found = snapshot.find(type);
        Add(sections, name,
            ShowResources(found == snapshot.end() ? std::map<std::string, Ptr<xds::Resource>>() : found->second,
                          redactor));
      }
      Add(data, role, std::move(sections));
    }
    return Finish(std::move(data));
  });
}

Write TakeGraph(const Pipeline& pipeline) {
  Node collections = List();
  for (const flow::Node* one : pipeline.graph().nodes()) {
    Node inputs = List();
    for (const flow::Node* input : one->uses()) inputs.items.push_back(Text(input->name()));
    Node node = Mapping();
    Add(node, "name", Text(one->name()));
    Add(node, "inputs", std::move(inputs));
    Add(node, "runs", Plain(std::to_string(one->total_runs())));
    collections.items.push_back(std::move(node));
  }
  Node data = Mapping();
  Add(data, "revision", Plain(std::to_string(pipeline.graph().revision())));
  Add(data, "collections", std::move(collections));
  return Later([data = std::move(data)] { return Finish(data); });
}

}  // namespace k8sgw::admin
