#include "src/envoy/endpoints.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>

#include "envoy/config/core/v3/address.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/endpoint/v3/endpoint.proto.h"
#include "envoy/config/endpoint/v3/endpoint_components.proto.h"
#include "src/base/address.h"
#include "src/envoy/kube_destination.h"
#include "src/envoy/resource.h"
#include "src/model/label_selector.h"

namespace k8sgw::envoy {
namespace {

namespace endpointv3 = ::envoy::config::endpoint::v3;

// Views of what slices and nodes hold, which outlive this.
struct Locality {
  std::string_view region;
  std::string_view zone;
  std::string_view sub_zone;

  auto operator<=>(const Locality&) const = default;
};

struct Place {
  Locality locality;
  std::string_view address;
  uint32_t port = 0;
  // That subsets are chosen by.
  Labels labels;

  auto key() const { return std::tie(locality, address, port); }
};
using Places = std::vector<Place>;

// The slice's port for a port of the Service. The names are equal; a Service of one port takes whatever there is, as
// published.
uint32_t PortIn(const core::EndpointSlice& slice, const core::Service& service, const core::ServicePort& port) {
  if (service.ports.size() == 1 && slice.ports.size() == 1) return slice.ports.front().port;
  const auto found = std::ranges::find(slice.ports, port.name, &core::EndpointPort::name);
  return found == slice.ports.end() ? 0 : found->port;
}

class Collector {
 public:
  Collector(flow::Reader& reader, const EndpointInputs& inputs, const EndpointSource& source,
            const core::Service& service)
      : reader_(reader),
        inputs_(inputs),
        source_(source),
        prefers_v6_(service.cluster_ip.find(':') != std::string::npos) {
    // What the Service selects by, its endpoints have.
    asks_pods_ = !source.subset_keys.empty() || !HasLabels(service.selector, source.selector);
  }

  void Take(const EndpointSliceRef& ref, const core::EndpointSlice& slice, uint32_t port) {
    if (port == 0 || slice.address_type == "FQDN") return;
    Family& family = (slice.address_type == "IPv6") == prefers_v6_ ? own_ : other_;
    for (const core::Endpoint& endpoint : slice.endpoints) {
      if (!endpoint.ready && !(endpoint.serving && endpoint.terminating)) continue;
      if (!IsIpAddress(endpoint.address)) continue;
      Labels chosen;
      if (asks_pods_ && !ReadPod({ref.ns, endpoint.pod}, chosen)) continue;
      Places& places = endpoint.ready ? family.ready : family.ending;
      places.push_back({LocalityOf(endpoint), endpoint.address, port, std::move(chosen)});
    }
  }

  // In the order of localities, each place once: slices overlap while endpoints move from one to another.
  Places result() && {
    for (Places* places : {&own_.ready, &other_.ready, &own_.ending, &other_.ending}) {
      if (places->empty()) continue;
      std::stable_sort(places->begin(), places->end(),
                       [](const Place& a, const Place& b) { return a.key() < b.key(); });
      const auto same = [](const Place& a, const Place& b) { return a.key() == b.key(); };
      places->erase(std::unique(places->begin(), places->end(), same), places->end());
      return std::move(*places);
    }
    return {};
  }

 private:
  // A pod of two families stands in slices of both, and is to get its share once.
  struct Family {
    Places ready;
    Places ending;
  };

  bool ReadPod(const PodRef& ref, Labels& chosen) {
    const auto pod = ref.name.str().empty() ? nullptr : reader_.Get(inputs_.pods, ref);
    if (!pod) return source_.selector.empty();
    if (!HasLabels(pod->labels, source_.selector)) return false;
    for (const std::string& key : source_.subset_keys) {
      if (const auto label = pod->labels.find(key); label != pod->labels.end()) chosen.insert(*label);
    }
    return true;
  }

  Locality LocalityOf(const core::Endpoint& endpoint) {
    if (endpoint.node.empty()) return {{}, endpoint.zone, {}};
    const auto [it, is_new] = nodes_.try_emplace(endpoint.node);
    if (is_new) it->second = reader_.Get(inputs_.nodes, {"", endpoint.node});
    if (!it->second) return {{}, endpoint.zone, {}};
    const core::Node& node = it->second->spec;
    return {node.region, endpoint.zone.empty() ? node.zone : endpoint.zone, node.sub_zone};
  }

  flow::Reader& reader_;
  const EndpointInputs& inputs_;
  const EndpointSource& source_;
  const bool prefers_v6_;
  bool asks_pods_ = false;
  std::map<std::string_view, Ptr<Object<core::Node>>> nodes_;
  Family own_;
  Family other_;
};

void SetLocality(const Locality& locality, ::envoy::config::core::v3::Locality& out) {
  out.set_region(std::string(locality.region));
  out.set_zone(std::string(locality.zone));
  out.set_sub_zone(std::string(locality.sub_zone));
}

void Add(const Place& place, endpointv3::LocalityLbEndpoints& locality) {
  endpointv3::LbEndpoint& out = *locality.add_lb_endpoints();
  auto& socket = *out.mutable_endpoint()->mutable_address()->mutable_socket_address();
  socket.set_address(std::string(place.address));
  socket.set_port_value(place.port);
  if (place.labels.empty()) return;
  auto& fields = *(*out.mutable_metadata()->mutable_filter_metadata())["envoy.lb"].mutable_fields();
  for (const auto& [key, value] : place.labels) fields[key].set_string_value(value);
}

}  // namespace

std::vector<ServiceRef> ServiceOf(const EndpointSliceRef& ref, const Object<core::EndpointSlice>& slice) {
  if (slice.spec.service.str().empty()) return {};
  return {{ref.ns, slice.spec.service}};
}

Ptr<xds::Resource> MakeLoadAssignment(flow::Reader& reader, const EndpointInputs& inputs, const std::string& cluster,
                                      const EndpointSource& source) {
  google::protobuf::Arena arena;
  auto& out = *google::protobuf::Arena::CreateMessage<endpointv3::ClusterLoadAssignment>(&arena);
  out.set_cluster_name(cluster);
  const auto service = reader.Get(inputs.services, source.service);
  const core::ServicePort* port = service ? FindPort(service->spec, source.port) : nullptr;
  // What an ExternalName leads to is no endpoint of the cluster, whatever slices bear its name.
  if (port && service->spec.type != core::kExternalName) {
    Collector collector(reader, inputs, source, service->spec);
    for (const auto& [ref, slice] : reader.Find(inputs.slices_by_service, source.service)) {
      collector.Take(ref, slice->spec, PortIn(slice->spec, service->spec, *port));
    }
    endpointv3::LocalityLbEndpoints* locality = nullptr;
    Locality current;
    for (const Place& place : std::move(collector).result()) {
      if (!locality || place.locality != current) {
        current = place.locality;
        locality = out.add_endpoints();
        SetLocality(current, *locality->mutable_locality());
      }
      Add(place, *locality);
      // For those who weigh localities: each endpoint counts the same.
      locality->mutable_load_balancing_weight()->set_value(static_cast<uint32_t>(locality->lb_endpoints_size()));
    }
  }
  return MakeResource(xds::Type::kEndpoint, cluster, out);
}

}  // namespace k8sgw::envoy
