// The roots of the graph: one input collection per kind, fed by the sources.
#pragma once

#include "src/flow/collection.h"
#include "src/model/kubernetes.h"
#include "src/model/objects.h"
#include "src/model/settings_key.h"
#include "src/model/wasm_module.h"

namespace k8sgw {

template <class Spec>
using ObjectInput = flow::Input<Ref<Spec>, Object<Spec>>;

struct Inputs {
  // Defined out of line, where the message types are complete.
  explicit Inputs(flow::Graph& graph);
  ~Inputs();

  // Stages one change; it takes effect with the next Commit of the graph. Kinds that no translation reads (see
  // src/model/unread.h) are refused: returns false.
  bool Stage(const Change& change);

  ObjectInput<gloov1::Settings> settings;
  ObjectInput<gatewayv1::Gateway> gateways;
  ObjectInput<gatewayv1::VirtualService> virtual_services;
  ObjectInput<gatewayv1::RouteTable> route_tables;
  ObjectInput<gatewayv1::VirtualHostOption> virtual_host_options;
  ObjectInput<gatewayv1::RouteOption> route_options;
  ObjectInput<gloov1::Upstream> upstreams;
  ObjectInput<gloov1::UpstreamGroup> upstream_groups;
  ObjectInput<gloov1::Secret> secrets;
  ObjectInput<gloov1::Artifact> artifacts;
  ObjectInput<core::Service> services;
  ObjectInput<core::EndpointSlice> endpoint_slices;
  ObjectInput<core::Pod> pods;
  ObjectInput<core::Node> nodes;
  // Images that were asked for (src/wasm_cache); no objects.
  flow::Input<WasmImage, WasmModule> wasm_modules;
};

}  // namespace k8sgw
