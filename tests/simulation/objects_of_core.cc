// Services, EndpointSlices, Pods and Nodes: what says where Upstreams of type kube lead.
#include "tests/simulation/objects.h"

namespace k8sgw::sim {
namespace {

// Only what stands together works together.
std::string CoreNamespace(Random& random) { return random.Pick({"default", "default", "default", "other"}); }

std::string Service(Random& random) {
  return Join({Head(random, "v1", "Service", {random.Pick({"k0", "k1"}), CoreNamespace(random)}), "spec: {",
               random.Pick({"", "", "", "clusterIP: None, ", "clusterIP: 'fd00::1', ", "type: ExternalName, "}),
               random.Pick({"selector: {app: x}, ", "selector: {app: y}, ", ""}), "ports: [",
               random.Pick({"{name: http, port: 80}", "{name: h2, port: 80}, {name: admin, port: 81}",
                            "{name: http, port: 80}, {name: grpc, port: 81, appProtocol: grpc}", "{port: 80}",
                            "{name: http, port: 81}"}),
               "]}\n"});
}

std::string Endpoint(Random& random, const std::string& address) {
  return Join({"{addresses: ['", address, random.Pick({"1", "2", "3", "4"}),
               "'], conditions: {ready: ", random.Pick({"true", "true", "false"}),
               ", serving: true, terminating: ", random.Pick({"false", "true"}), "}, ",
               random.Pick({"", "zone: a, ", "zone: b, "}), random.Pick({"", "nodeName: n0, ", "nodeName: n1, "}),
               "targetRef: {kind: Pod, name: ", random.Pick({"p0", "p1", "p2"}), "}}"});
}

std::string EndpointSlice(Random& random) {
  const bool v6 = random.OneIn(5);
  const std::string address = v6 ? "fd00::" : "10.0.0.";
  std::string endpoints;
  for (int i = random.Below(5); i > 0; --i) endpoints += Join({Endpoint(random, address), i > 1 ? ", " : ""});
  const std::string service = random.Pick({"k0", "k1"});
  return Join({"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: ", service,
               random.Pick({"-a", "-b", "-c"}), ", namespace: ", CoreNamespace(random),
               ", labels: {kubernetes.io/service-name: ", random.OneIn(8) ? "k0" : service,
               "}}\naddressType: ", v6 ? "IPv6" : "IPv4", "\nports: [",
               random.Pick({"{name: http, port: 8080}", "{name: http, port: 8080}, {name: admin, port: 9090}",
                            "{name: h2, port: 8081}, {name: admin, port: 9090}", "{port: 8080}"}),
               "]\nendpoints: [", endpoints, "]\n"});
}

std::string Node(Random& random) {
  return Join({"apiVersion: v1\nkind: Node\nmetadata: {name: ", random.Pick({"n0", "n1"}), ", labels: {",
               random.Pick({"", "topology.kubernetes.io/region: r", "topology.kubernetes.io/zone: a",
                            "topology.kubernetes.io/zone: c, topology.istio.io/subzone: s"}),
               "}}\n"});
}

}  // namespace

std::string RandomCoreObject(Random& random) {
  switch (random.Below(9)) {
    case 8: return Node(random);
    case 0: return Head(random, "v1", "Pod", {random.Pick({"p0", "p1", "p2"}), CoreNamespace(random)});
    case 1:
    case 2:
    case 3: return Service(random);
    default: return EndpointSlice(random);
  }
}

}  // namespace k8sgw::sim
