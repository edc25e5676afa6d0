#include "src/cmd/gloo_metrics.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "src/metrics/names.h"
#include "src/metrics/process.h"
#include "src/model/inputs.h"

namespace k8sgw {
namespace {

using metrics::Registry;

constexpr std::pair<xds::Type, const char*> kTypes[] = {{xds::Type::kCluster, "clusters"},
                                                        {xds::Type::kListener, "listeners"},
                                                        {xds::Type::kRoute, "routes"},
                                                        {xds::Type::kEndpoint, "endpoints"},
                                                        {xds::Type::kSecret, "secrets"}};

// The kinds whose objects have a status as a metric.
constexpr std::pair<Kind, const metrics::Family*> kStatuses[] = {
    {Kind::kGateway, &metrics::kGatewayStatus},       {Kind::kVirtualService, &metrics::kVirtualServiceStatus},
    {Kind::kRouteTable, &metrics::kRouteTableStatus}, {Kind::kUpstream, &metrics::kUpstreamStatus},
    {Kind::kSecret, &metrics::kSecretStatus},         {Kind::kUpstreamGroup, &metrics::kUpstreamGroupStatus}};

double Number(auto value) { return static_cast<double>(value); }

// "VirtualService" → "virtual_service", as published.
std::string ResourceWord(Kind kind) {
  std::string word;
  for (const char c : KindName(kind)) {
    const bool is_upper = std::isupper(static_cast<unsigned char>(c)) != 0;
    if (is_upper && !word.empty()) word += '_';
    word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return word;
}

// "gloo-system~gateway-proxy" → "gateway-proxy".
std::string ProxyName(const std::string& role) { return role.substr(role.find('~') + 1); }

void SetObjects(const Inputs& in, Registry& registry) {
  const auto set = [&](const auto& input, Kind kind) {
    registry.Set(metrics::kObjects, {std::string(KindName(kind))}, Number(input.size()));
  };
  set(in.settings, Kind::kSettings);
  set(in.gateways, Kind::kGateway);
  set(in.virtual_services, Kind::kVirtualService);
  set(in.route_tables, Kind::kRouteTable);
  set(in.virtual_host_options, Kind::kVirtualHostOption);
  set(in.route_options, Kind::kRouteOption);
  set(in.upstreams, Kind::kUpstream);
  set(in.upstream_groups, Kind::kUpstreamGroup);
  set(in.secrets, Kind::kSecret);
  set(in.artifacts, Kind::kArtifact);
  set(in.services, Kind::kService);
  set(in.endpoint_slices, Kind::kEndpointSlice);
  set(in.pods, Kind::kPod);
  set(in.nodes, Kind::kNode);
}

void SetProblems(const ProblemTable& table, Registry& registry) {
  registry.Set(metrics::kValidConfig, {}, table.CountErrors() == 0 ? 1 : 0);
  registry.Set(metrics::kProblems, {"error"}, Number(table.CountErrors()));
  registry.Set(metrics::kProblems, {"warning"}, Number(table.CountWarnings()));
  for (const auto& [kind, family] : kStatuses) registry.Clear(*family);
  registry.Clear(metrics::kProxyStatus);
  for (const Name& role : table.RolesWithProblems()) {
    const std::string ns = role.str().substr(0, role.str().find('~'));
    registry.Set(metrics::kProxyStatus, {ns, ProxyName(role.str())}, 1);
  }
  for (const Problem& problem : table.All()) {
    const auto status = std::find_if(std::begin(kStatuses), std::end(kStatuses),
                                     [&](const auto& one) { return one.first == problem.object.kind; });
    if (status == std::end(kStatuses) || problem.severity == Severity::kNotice) continue;
    registry.Set(*status->second, {problem.object.ns.str(), problem.object.name.str()}, 1);
  }
}

void SetProxies(const ControlPlane& control, Registry& registry) {
  const std::set<std::string> roles = control.roles();
  registry.Set(metrics::kProxies, {}, Number(roles.size()));
  const auto streams = control.StreamsByRole();
  size_t in_sync = 0;
  size_t behind = 0;
  registry.Clear(metrics::kProxyStreams);
  for (const std::string& role : roles) {
    const auto found = streams.find(role);
    const xds::Engine::RoleStreams of = found == streams.end() ? xds::Engine::RoleStreams() : found->second;
    in_sync += of.in_sync;
    behind += of.stuck > 0;
    registry.Set(metrics::kProxyStreams, {ProxyName(role)}, Number(of.all));
  }
  registry.Set(metrics::kProxiesInSync, {}, Number(in_sync));
  registry.Set(metrics::kProxiesBehind, {}, Number(behind));
}

void SetResources(const Pipeline& pipeline, Registry& registry) {
  registry.Clear(metrics::kTranslatorResources);
  for (const std::string& role : pipeline.roles()) {
    const Snapshot snapshot = pipeline.ResourcesOf(role);
    for (const auto& [type, name] : kTypes) {
      const auto resources = snapshot.find(type);
      // Parts of a table are not counted beside the whole.
      const auto count = resources == snapshot.end()
                             ? 0
                             : std::count_if(resources->second.begin(), resources->second.end(),
                                             [](const auto& entry) { return !entry.second->only_with_module; });
      registry.Set(metrics::kTranslatorResources, {ProxyName(role), name}, Number(count));
    }
  }
}

// What is not served as it was written.
void SetLeftOut(const Pipeline& pipeline, Registry& registry) {
  const envoy::Translation& envoy = pipeline.envoy();
  size_t removed = 0;
  pipeline.inputs().upstreams.ForEach(
      [&](const UpstreamRef& ref, const auto&) { removed += envoy.clusters().Get(ref) ? 0 : 1; });
  registry.Clear(metrics::kUpstreamsRemoved);
  for (const std::string& role : pipeline.roles()) {
    registry.Set(metrics::kUpstreamsRemoved, {ProxyName(role)}, Number(removed));
  }
  registry.Clear(metrics::kRoutesReplaced);
  const auto add = [&](const envoy::RouteConfigKey& key, uint32_t routes) {
    const auto table = envoy.route_configurations().Get(key);
    if (!table || !table->resource) return;
    registry.Add(metrics::kRoutesReplaced, {key.listener.proxy.name.str(), table->resource->name}, routes);
  };
  envoy.route_configurations().ForEach([&](const envoy::RouteConfigKey& key, const auto&) { add(key, 0); });
  envoy.served_virtual_hosts().ForEach([&](const auto&, const Ptr<envoy::ServedVirtualHost>& served) {
    if (served->host->replaced_routes > 0) add(served->host->route_config, served->host->replaced_routes);
  });
}

void SetXds(const ControlPlane& control, Registry& registry) {
  const std::shared_ptr<xds::Server> server = control.xds();
  if (!server) return;
  const xds::EngineStats stats = server->stats();
  const xds::ResponseCounts responses = server->responses();
  for (const auto& [type, name] : kTypes) {
    registry.Set(metrics::kXdsResponses, {name}, Number(responses[static_cast<size_t>(type)]));
  }
  registry.Set(metrics::kXdsResponses, {"scopes"}, Number(responses[static_cast<size_t>(xds::Type::kScope)]));
  registry.Set(metrics::kStreams, {}, Number(stats.streams));
  registry.Set(metrics::kResourcesSent, {}, Number(stats.resources_sent));
  registry.Set(metrics::kAcks, {}, Number(stats.acks));
  registry.Set(metrics::kNacks, {}, Number(stats.nacks));
  registry.Set(metrics::kUnknownRoles, {}, Number(stats.unknown_roles));
  const xds::AccessStats access = server->access_stats();
  registry.Set(metrics::kAdmitted, {}, Number(access.admitted));
  registry.Set(metrics::kRefused, {"unauthenticated"}, Number(access.unauthenticated));
  registry.Set(metrics::kRefused, {"denied"}, Number(access.denied));
  registry.Set(metrics::kRefused, {"unavailable"}, Number(access.unavailable));
}

void SetWebhook(const admission::Counters& counters, Registry& registry) {
  registry.Set(metrics::kResourcesAccepted, {}, Number(counters.allowed.load()));
  registry.Set(metrics::kResourcesRejected, {}, Number(counters.denied.load()));
  registry.Set(metrics::kReloadSuccess, {}, Number(counters.reloads.load()));
  registry.Set(metrics::kReloadFailed, {}, Number(counters.failed_reloads.load()));
  registry.Set(metrics::kWebhookBadRequests, {}, Number(counters.bad_requests.load()));
  registry.Set(metrics::kWebhookNotReady, {}, Number(counters.not_ready.load()));
  registry.Set(metrics::kWebhookLate, {}, Number(counters.late.load()));
  registry.Set(metrics::kWebhookCrowded, {}, Number(counters.crowded.load()));
  registry.Set(metrics::kWebhookAllowedWithErrors, {}, Number(counters.allowed_with_errors.load()));
  registry.Set(metrics::kWebhookConnections, {}, Number(counters.connections.load()));
  registry.Set(metrics::kWebhookCutOff, {}, Number(counters.cut_off.load()));
}

void SetCertificates(const GlooAdmin::Facts& facts, Registry& registry) {
  registry.Clear(metrics::kCertificateExpiry);
  const auto set = [&](const char* certificate, int64_t ends) {
    if (ends != 0) registry.Set(metrics::kCertificateExpiry, {certificate}, Number(ends));
  };
  set("webhook", facts.webhook ? facts.webhook->certificate_ends.load() : 0);
  set("mtls", facts.mtls_certificate_ends);
}

}  // namespace

std::string ProxyName(const std::string& role) { return role.substr(role.find('~') + 1); }

void SetMetrics(ControlPlane& control, const GlooAdmin::Facts& facts, bool ready, Registry& registry) {
  const Pipeline& pipeline = control.pipeline();
  registry.Set(metrics::kReady, {}, ready ? 1 : 0);
  registry.Set(metrics::kLeader, {}, facts.leads ? 1 : 0);
  registry.Set(metrics::kWorldAge, {}, Number(facts.world_age.count()));
  registry.Clear(metrics::kAbsentKinds);
  for (const auto& [kind, count] : facts.absent_kinds) {
    registry.Set(metrics::kAbsentKinds, {kind.first, kind.second ? "forbidden" : "missing"}, Number(count));
  }
  registry.Set(metrics::kDiscoveryProblems, {}, Number(facts.discovery_problems));
  registry.Set(metrics::kNamespacesWatched, {}, Number(facts.namespaces));
  registry.Set(metrics::kRevision, {}, Number(control.revision()));
  registry.Set(metrics::kRestRequests, {}, Number(facts.rest_requests));
  SetObjects(pipeline.inputs(), registry);
  SetProblems(pipeline.problem_table(), registry);
  SetProxies(control, registry);
  // Counting takes a copy of them, so it is done once for each revision.
  if (facts.is_new_revision) {
    SetResources(pipeline, registry);
    SetLeftOut(pipeline, registry);
  }
  SetXds(control, registry);
  // Without a webhook they are 0, and not unknown: who waits for them to grow need not ask whether there is one.
  static const admission::Counters kNone;
  SetWebhook(facts.webhook ? *facts.webhook : kNone, registry);
  SetCertificates(facts, registry);
  registry.Set(metrics::kSeriesLeftOut, {}, Number(registry.left_out()));
  metrics::SetProcess(registry);
}

void AddChanges(const std::vector<Change>& changes, Registry& registry) {
  std::map<std::pair<Name, Kind>, size_t> counts;
  for (const Change& change : changes) ++counts[{change.key.ns, change.key.kind}];
  for (const auto& [what, count] : counts) {
    registry.Add(metrics::kResourcesIn, {what.first.str(), ResourceWord(what.second)}, Number(count));
  }
  registry.Add(metrics::kSnapIn, {});
}

}  // namespace k8sgw
