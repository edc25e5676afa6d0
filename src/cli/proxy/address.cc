#include "src/cli/proxy/address.h"

#include <set>
#include <utility>

#include "src/base/text.h"
#include "src/cli/cluster/object.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

const Node* PortOf(const Node& service, const std::string& name) {
  for (const Node& port : ItemsAt(service, {"spec", "ports"})) {
    if (port.FindScalar("name") == name || port.FindScalar("port") == name) return &port;
  }
  return nullptr;
}

absl::Status NoSuchPort(const Node& service, const std::string& name) {
  std::string known;
  for (const Node& port : ItemsAt(service, {"spec", "ports"}))
    known += Cat(known.empty() ? "" : ", ",
                 port.FindScalar("name").empty() ? port.FindScalar("port") : port.FindScalar("name"));
  return absl::NotFoundError(Cat("Service ", PathOf(service), " has no port \"", name, "\": it has ", known));
}

// An external address before an internal one.
std::string AddressOfNode(const Node& node) {
  for (const char* type : {"ExternalIP", "InternalIP", "ExternalDNS", "InternalDNS", "Hostname"}) {
    for (const Node& address : ItemsAt(node, {"status", "addresses"})) {
      if (address.FindScalar("type") == type) return std::string(address.FindScalar("address"));
    }
  }
  return "";
}

// One that runs a pod of the proxy: with externalTrafficPolicy Local, others do not answer.
std::string NodeWithPod(const std::vector<Node>& nodes, const std::vector<Node>& pods) {
  std::set<std::string> with_pods;
  for (const Node& pod : pods) {
    if (TextAt(pod, {"status", "phase"}) == "Running") with_pods.insert(TextAt(pod, {"spec", "nodeName"}));
  }
  std::string any;
  for (const Node& node : nodes) {
    std::string address = AddressOfNode(node);
    if (address.empty()) continue;
    if (with_pods.contains(NameOf(node))) return address;
    if (any.empty()) any = std::move(address);
  }
  return any;
}

}  // namespace

std::string ProxyAddress::HostAndPort() const {
  return host.find(':') == std::string::npos ? Cat(host, ":", port) : Cat("[", host, "]:", port);
}

const Node* ServiceOf(const std::vector<Node>& labelled, const std::string& proxy, const std::string& port) {
  const Node* best = nullptr;
  const auto rank = [&](const Node& service) {
    return (PortOf(service, port) ? 2 : 0) + (NameOf(service) == proxy ? 1 : 0);
  };
  for (const Node& service : labelled) {
    if (!best || rank(service) > rank(*best)) best = &service;
  }
  return best;
}

absl::StatusOr<ProxyAddress> AddressOf(const Node& service, const std::vector<Node>& nodes,
                                       const std::vector<Node>& pods, const std::string& port) {
  const Node* its = PortOf(service, port);
  if (!its) return NoSuchPort(service, port);
  const std::string number(its->FindScalar("port"));
  const std::string type = TextAt(service, {"spec", "type"});
  for (const Node& ingress : ItemsAt(service, {"status", "loadBalancer", "ingress"})) {
    std::string host(ingress.FindScalar("ip"));
    if (host.empty()) host = std::string(ingress.FindScalar("hostname"));
    if (!host.empty()) return ProxyAddress{std::move(host), number, ""};
  }
  for (const Node& address : ItemsAt(service, {"spec", "externalIPs"})) return ProxyAddress{address.scalar, number, ""};
  const std::string node_port(its->FindScalar("nodePort"));
  if (!node_port.empty() && node_port != "0") {
    std::string host = NodeWithPod(nodes, pods);
    if (!host.empty()) {
      return ProxyAddress{
          std::move(host), node_port,
          type == "LoadBalancer" ? "the load balancer has no address yet: this is a port of a node" : ""};
    }
  }
  const std::string cluster_ip = TextAt(service, {"spec", "clusterIP"});
  if (cluster_ip.empty() || cluster_ip == "None")
    return absl::NotFoundError(Cat("Service ", PathOf(service), " of type ", type, " has no address"));
  return ProxyAddress{cluster_ip, number, "this address is good within the cluster only"};
}

std::string SchemeOf(const Node& service, const std::string& port) {
  const Node* its = PortOf(service, port);
  if (!its) return "http";
  const bool secure = its->FindScalar("name") == "https" || its->FindScalar("port") == "443";
  return secure ? "https" : "http";
}

}  // namespace k8sgw::cli
