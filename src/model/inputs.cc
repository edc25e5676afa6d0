#include "src/model/inputs.h"

#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/matchable_http_gateway.proto.h"
#include "api/gateway/v1/matchable_tcp_gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"

namespace k8sgw {
namespace {

template <class Spec>
bool StageInto(ObjectInput<Spec>& input, const Change& change) {
  const Ref<Spec> ref{change.key.ns, change.key.name};
  if (const auto* object = std::get_if<Ptr<Object<Spec>>>(&change.object)) {
    input.Put(ref, *object);
  } else {
    input.Delete(ref);
  }
  return true;
}

}  // namespace

Inputs::Inputs(flow::Graph& graph)
    : settings(graph, "settings"),
      gateways(graph, "gateways"),
      virtual_services(graph, "virtual-services"),
      route_tables(graph, "route-tables"),
      virtual_host_options(graph, "virtual-host-options"),
      route_options(graph, "route-options"),
      upstreams(graph, "upstreams"),
      upstream_groups(graph, "upstream-groups"),
      secrets(graph, "secrets"),
      artifacts(graph, "artifacts"),
      services(graph, "services"),
      endpoint_slices(graph, "endpoint-slices"),
      pods(graph, "pods"),
      nodes(graph, "nodes"),
      wasm_modules(graph, "wasm-modules") {}

Inputs::~Inputs() = default;

bool Inputs::Stage(const Change& change) {
  switch (change.key.kind) {
    case Kind::kSettings: return StageInto(settings, change);
    case Kind::kGateway: return StageInto(gateways, change);
    case Kind::kVirtualService: return StageInto(virtual_services, change);
    case Kind::kRouteTable: return StageInto(route_tables, change);
    case Kind::kVirtualHostOption: return StageInto(virtual_host_options, change);
    case Kind::kRouteOption: return StageInto(route_options, change);
    case Kind::kUpstream: return StageInto(upstreams, change);
    case Kind::kUpstreamGroup: return StageInto(upstream_groups, change);
    case Kind::kSecret: return StageInto(secrets, change);
    case Kind::kArtifact: return StageInto(artifacts, change);
    case Kind::kService: return StageInto(services, change);
    case Kind::kEndpointSlice: return StageInto(endpoint_slices, change);
    case Kind::kPod: return StageInto(pods, change);
    case Kind::kNode: return StageInto(nodes, change);
    case Kind::kMatchableHttpGateway:
    case Kind::kMatchableTcpGateway:
    case Kind::kListenerOption:
    case Kind::kHttpListenerOption:
    case Kind::kAuthConfig:
    case Kind::kRateLimitConfig:
    case Kind::kGatewayParameters:
    case Kind::kDirectResponse:
    case Kind::kProxy:
    case Kind::kDocument: return false;
  }
  return false;
}

}  // namespace k8sgw
