#include "src/model/kubernetes.h"

#include "src/base/hash.h"
#include "src/base/yaml_scalar.h"

namespace k8sgw::core {
namespace {

const std::vector<yaml::Node>& Items(const yaml::Node* parent, std::string_view key) {
  static const std::vector<yaml::Node> kNone;
  const yaml::Node* list = parent ? parent->Find(key) : nullptr;
  return list && list->is_sequence() ? list->items : kNone;
}

std::string Text(const yaml::Node* parent, std::string_view key, std::string_view otherwise = "") {
  const std::string_view text = parent ? parent->FindScalar(key) : "";
  return std::string(text.empty() ? otherwise : text);
}

uint32_t Port(const yaml::Node& parent, std::string_view key) {
  const auto number = yaml::ParseInteger(parent.FindScalar(key));
  const bool good = number && !number->negative && number->magnitude <= 65535;
  return good ? static_cast<uint32_t>(number->magnitude) : 0;
}

bool Flag(const yaml::Node* parent, std::string_view key, bool otherwise) {
  const std::string_view text = parent ? parent->FindScalar(key) : "";
  return text.empty() ? otherwise : text == "true";
}

Labels ReadLabels(const yaml::Node* map) {
  Labels labels;
  if (!map) return labels;
  for (const auto& entry : map->entries) labels[entry.key] = entry.value.scalar;
  return labels;
}

// Mixes one thing after the other; texts with their lengths, so that they do not run together.
class Mixer {
 public:
  Mixer& operator<<(std::string_view text) {
    hash_ = HashCombine(hash_, Hash64(text));
    return *this;
  }
  Mixer& operator<<(uint64_t number) {
    hash_ = HashCombine(hash_, number);
    return *this;
  }
  uint64_t hash() const { return hash_; }

 private:
  uint64_t hash_ = 1;
};

}  // namespace

Service ReadService(const yaml::Node& document) {
  const yaml::Node* spec = document.Find("spec");
  Service service;
  service.type = Text(spec, "type", "ClusterIP");
  service.cluster_ip = Text(spec, "clusterIP");
  service.external_name = Text(spec, "externalName");
  service.selector = ReadLabels(spec ? spec->Find("selector") : nullptr);
  for (const yaml::Node& item : Items(spec, "ports")) {
    service.ports.push_back({Text(&item, "name"), Port(item, "port"), Text(&item, "targetPort"),
                             Text(&item, "protocol", "TCP"), Text(&item, "appProtocol")});
  }
  return service;
}

EndpointSlice ReadEndpointSlice(const yaml::Node& document) {
  EndpointSlice slice;
  const yaml::Node* metadata = document.Find("metadata");
  slice.service = Text(metadata ? metadata->Find("labels") : nullptr, "kubernetes.io/service-name");
  slice.address_type = Text(&document, "addressType");
  for (const yaml::Node& item : Items(&document, "ports")) {
    slice.ports.push_back({Text(&item, "name"), Port(item, "port"), Text(&item, "protocol", "TCP")});
  }
  for (const yaml::Node& item : Items(&document, "endpoints")) {
    const auto& addresses = Items(&item, "addresses");
    if (addresses.empty()) continue;
    const yaml::Node* conditions = item.Find("conditions");
    const yaml::Node* target = item.Find("targetRef");
    Endpoint endpoint;
    endpoint.address = addresses.front().scalar;
    endpoint.ready = Flag(conditions, "ready", true);
    endpoint.serving = Flag(conditions, "serving", endpoint.ready);
    endpoint.terminating = Flag(conditions, "terminating", false);
    endpoint.zone = Text(&item, "zone");
    endpoint.node = Text(&item, "nodeName");
    if (target && target->FindScalar("kind") == "Pod") endpoint.pod = Text(target, "name");
    slice.endpoints.push_back(std::move(endpoint));
  }
  return slice;
}

Node ReadNode(const yaml::Node& document) {
  const yaml::Node* metadata = document.Find("metadata");
  const yaml::Node* labels = metadata ? metadata->Find("labels") : nullptr;
  return {Text(labels, "topology.kubernetes.io/region"), Text(labels, "topology.kubernetes.io/zone"),
          Text(labels, "topology.istio.io/subzone")};
}

uint64_t ContentHash(const Service& service) {
  Mixer mixer;
  mixer << service.type << service.cluster_ip << service.external_name << service.selector.size();
  for (const auto& [name, value] : service.selector) mixer << name << value;
  for (const ServicePort& port : service.ports)
    mixer << port.name << port.port << port.target_port << port.protocol << port.app_protocol;
  return mixer.hash();
}

uint64_t ContentHash(const EndpointSlice& slice) {
  Mixer mixer;
  mixer << slice.service.str() << slice.address_type << slice.ports.size();
  for (const EndpointPort& port : slice.ports) mixer << port.name << port.port << port.protocol;
  for (const Endpoint& endpoint : slice.endpoints) {
    const uint64_t conditions =
        (endpoint.ready ? 1U : 0U) | (endpoint.serving ? 2U : 0U) | (endpoint.terminating ? 4U : 0U);
    mixer << endpoint.address << conditions << endpoint.zone << endpoint.pod << endpoint.node;
  }
  return mixer.hash();
}

uint64_t ContentHash(const Pod&) { return 1; }

uint64_t ContentHash(const Node& node) {
  Mixer mixer;
  mixer << node.region << node.zone << node.sub_zone;
  return mixer.hash();
}

}  // namespace k8sgw::core
