// Objects of Kubernetes itself, as far as translation reads them.
//
// They come from a server that has checked them, or from files: what is unknown or mistyped in them counts as missing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/yaml.h"
#include "src/model/resource.h"

namespace k8sgw::core {

struct ServicePort {
  std::string name;
  uint32_t port = 0;
  // A number, or the name of a port of the pods.
  std::string target_port;
  std::string protocol = "TCP";
  std::string app_protocol;

  bool operator==(const ServicePort&) const = default;
};

inline constexpr std::string_view kExternalName = "ExternalName";

struct Service {
  // ClusterIP, NodePort, LoadBalancer or ExternalName.
  std::string type = "ClusterIP";
  // "None" for a headless one.
  std::string cluster_ip;
  std::string external_name;
  // The labels of its pods; empty when others say what its endpoints are.
  Labels selector;
  std::vector<ServicePort> ports;
};

struct EndpointPort {
  std::string name;
  uint32_t port = 0;
  std::string protocol = "TCP";

  bool operator==(const EndpointPort&) const = default;
};

struct Endpoint {
  // The first one counts, as for kube-proxy.
  std::string address;
  // Takes new requests.
  bool ready = true;
  // Answers; also while it ends.
  bool serving = true;
  bool terminating = false;
  std::string zone;
  // Of the pod behind it; "" when there is none.
  std::string pod;
  // Of the node that it is on; "" when nobody says.
  std::string node;

  bool operator==(const Endpoint&) const = default;
};

// A part of the endpoints of a Service.
struct EndpointSlice {
  // In the same namespace; "" for none.
  Name service;
  // IPv4, IPv6 or FQDN.
  std::string address_type;
  std::vector<EndpointPort> ports;
  std::vector<Endpoint> endpoints;
};

// Only its labels are read.
struct Pod {};

// A machine of the cluster: where in the world it is, by its well-known labels. Each may be "".
struct Node {
  std::string region;
  std::string zone;
  std::string sub_zone;
};

Service ReadService(const yaml::Node& document);
EndpointSlice ReadEndpointSlice(const yaml::Node& document);
Node ReadNode(const yaml::Node& document);

// Equal for equal content.
uint64_t ContentHash(const Service& service);
uint64_t ContentHash(const EndpointSlice& slice);
uint64_t ContentHash(const Pod& pod);
uint64_t ContentHash(const Node& node);

}  // namespace k8sgw::core
