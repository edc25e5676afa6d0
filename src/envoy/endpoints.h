// Services and EndpointSlices → the endpoints of a cluster.
//
// Endpoints travel apart from their clusters (EDS), so that pods come and go without a cluster being touched.
#pragma once

#include <string>
#include <vector>

#include "src/flow/flow.h"
#include "src/model/kubernetes.h"
#include "src/model/objects.h"
#include "src/xds/resource.h"

namespace k8sgw::envoy {

// Where the endpoints of a cluster come from.
struct EndpointSource {
  ServiceRef service;
  // Of the Service.
  uint32_t port = 0;
  // The pods must have these labels besides those that the Service selects.
  Labels selector;
  // Labels of the pods that routes may choose by, sorted.
  std::vector<std::string> subset_keys;

  bool operator==(const EndpointSource&) const = default;
};

// What endpoints are made from. Pods are read only where labels matter.
struct EndpointInputs {
  const flow::Collection<ServiceRef, Object<core::Service>>& services;
  const flow::Index<ServiceRef, EndpointSliceRef, Object<core::EndpointSlice>>& slices_by_service;
  const flow::Collection<PodRef, Object<core::Pod>>& pods;
  const flow::Collection<NodeRef, Object<core::Node>>& nodes;
};

// The buckets of `slices_by_service`.
std::vector<ServiceRef> ServiceOf(const EndpointSliceRef& ref, const Object<core::EndpointSlice>& slice);

// A ClusterLoadAssignment; without endpoints when the Service or its port is missing, so that Envoy does not wait.
//
// Ready endpoints; when there is none, those that still serve while they end, as kube-proxy does. Grouped by place:
// the zone that the slice says, else that of the node; region and sub-zone of the node. Of the two families of
// addresses, those of the Service's own address; the others only when there is none of them. A Service of type
// ExternalName has no endpoints.
Ptr<xds::Resource> MakeLoadAssignment(flow::Reader& reader, const EndpointInputs& inputs, const std::string& cluster,
                                      const EndpointSource& source);

}  // namespace k8sgw::envoy
