#include "benchmarks/kube/objects.h"

#include <fmt/core.h>

namespace k8sgw::bench {
namespace {

std::string Routes(int upstream) {
  return fmt::format(
      R"([{{"matchers":[{{"prefix":"/"}}],"routeAction":{{"single":{{"upstream":{{"name":"u{}","namespace":"{}"}}}}}}}}])",
      upstream, NamespaceOf(upstream));
}

std::string Options(const std::string& version) {
  return fmt::format(
      R"({{"headerManipulation":{{"responseHeadersToAdd":[{{"header":{{"key":"x-version","value":"{}"}},"append":false}}]}}}})",
      version);
}

kube::WriteRequest Create(const kube::Resource& resource, const std::string& kind, const std::string& name,
                          const std::string& rest) {
  const std::string version = resource.group.empty() ? resource.version : resource.group + "/" + resource.version;
  return kube::CreateObject(
      resource,
      fmt::format(R"({{"apiVersion":"{}","kind":"{}","metadata":{{"name":"{}"{}}}{}}})", version, kind, name,
                  resource.namespace_.empty() ? "" : fmt::format(R"(,"namespace":"{}")", resource.namespace_), rest));
}

std::string WorkloadName(int i) { return fmt::format("work{}", i); }

// Addresses 10.128.0.0/10 belong to changes, 10.192.0.0/10 to all others.
std::string Endpoints(int i, int endpoints, const std::string& first) {
  std::string out = "[";
  for (int e = 0; e < endpoints; ++e) {
    const int number = i * endpoints + e;
    const std::string address =
        e == 0 ? first : fmt::format("10.{}.{}.{}", 192 + number / 62'500, number / 250 % 250, number % 250 + 1);
    out += fmt::format(R"({}{{"addresses":["{}"],"conditions":{{"ready":true}}}})", e > 0 ? "," : "", address);
  }
  return out + "]";
}

}  // namespace

std::string NamespaceOf(int i) { return fmt::format("bench-{}", i % kNamespaces); }
kube::Resource Namespaces() { return {"", "v1", "namespaces", ""}; }
kube::Resource VirtualServices(const std::string& ns) { return {"gateway.solo.io", "v1", "virtualservices", ns}; }
kube::Resource Upstreams(const std::string& ns) { return {"gloo.solo.io", "v1", "upstreams", ns}; }
kube::Resource RouteTables(const std::string& ns) { return {"gateway.solo.io", "v1", "routetables", ns}; }
kube::Resource Services(const std::string& ns) { return {"", "v1", "services", ns}; }
kube::Resource Slices(const std::string& ns) { return {"discovery.k8s.io", "v1", "endpointslices", ns}; }

std::string HostOf(int i) { return fmt::format("h{}.example.com", i); }

kube::WriteRequest CreateNamespace(const std::string& name) { return Create(Namespaces(), "Namespace", name, ""); }

kube::WriteRequest CreateSettings(const std::string& certificate, const std::string& key) {
  return Create({"gloo.solo.io", "v1", "settings", kSystemNamespace}, "Settings", "default",
                fmt::format(R"(,"spec":{{"discoveryNamespace":"{}","kubernetesConfigSource":{{}},)"
                            R"("kubernetesSecretSource":{{}},"kubernetesArtifactSource":{{}},)"
                            R"("gateway":{{"validation":{{"alwaysAccept":false,"allowWarnings":true,)"
                            R"("validationWebhookTlsCert":"{}","validationWebhookTlsKey":"{}"}}}}}})",
                            kSystemNamespace, certificate, key));
}

kube::WriteRequest CreateGateway(int port) {
  return Create({"gateway.solo.io", "v1", "gateways", kSystemNamespace}, "Gateway", "gateway-proxy",
                fmt::format(R"(,"spec":{{"bindAddress":"127.0.0.1","bindPort":{},"proxyNames":["gateway-proxy"],)"
                            R"("httpGateway":{{}}}})",
                            port));
}

kube::WriteRequest CreateVirtualService(int i, int upstream, const std::string& version) {
  return Create(VirtualServices(NamespaceOf(i)), "VirtualService", fmt::format("vs{}", i),
                fmt::format(R"(,"spec":{{"virtualHost":{{"domains":["{}"],"options":{},"routes":{}}}}})", HostOf(i),
                            Options(version), Routes(upstream)));
}

kube::WriteRequest PatchVirtualService(int i, const std::string& version) {
  return kube::MergePatch({VirtualServices(NamespaceOf(i)), fmt::format("vs{}", i)},
                          fmt::format(R"({{"spec":{{"virtualHost":{{"options":{}}}}}}})", Options(version)));
}

kube::WriteRequest CreateUpstream(int i, int port) {
  return Create(Upstreams(NamespaceOf(i)), "Upstream", fmt::format("u{}", i),
                fmt::format(R"(,"spec":{{"static":{{"hosts":[{{"addr":"127.0.0.1","port":{}}}]}}}})", port));
}

kube::WriteRequest CreateRouteTable(int i) {
  return Create(RouteTables(NamespaceOf(i)), "RouteTable", fmt::format("rt{}", i),
                fmt::format(R"(,"spec":{{"routes":{}}})", Routes(0)));
}

std::vector<kube::WriteRequest> CreateWorkload(int i, int endpoints) {
  const std::string ns = NamespaceOf(i);
  const std::string name = WorkloadName(i);
  const std::string slice = fmt::format(
      R"(,"labels":{{"kubernetes.io/service-name":"{}","service.kubernetes.io/service-proxy-name":"none"}}}},)"
      R"("addressType":"IPv4",)"
      R"("ports":[{{"name":"http","port":8080,"protocol":"TCP"}}],"endpoints":{}}})",
      name, Endpoints(i, endpoints, fmt::format("10.127.{}.{}", i / 250, i % 250 + 1)));
  // kube-proxy does not look at what another proxy is named for.
  const std::string service =
      fmt::format(R"({{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{}","namespace":"{}",)"
                  R"("labels":{{"service.kubernetes.io/service-proxy-name":"none"}}}},)"
                  R"("spec":{{"ports":[{{"name":"http","port":80,"targetPort":8080}}]}}}})",
                  name, ns);
  return {kube::CreateObject(Services(ns), service),
          kube::CreateObject(Slices(ns), fmt::format(R"({{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice",)"
                                                     R"("metadata":{{"name":"{}","namespace":"{}"{})",
                                                     name, ns, slice)),
          Create(Upstreams(ns), "Upstream", name,
                 fmt::format(R"(,"spec":{{"kube":{{"serviceName":"{}","serviceNamespace":"{}","servicePort":80}}}})",
                             name, ns))};
}

std::string AddressOf(int change) {
  return fmt::format("10.{}.{}.{}", 128 + change / 22'500, 100 + change / 150 % 150, 100 + change % 150);
}

kube::WriteRequest PatchWorkload(int i, int endpoints, int change) {
  return kube::MergePatch({Slices(NamespaceOf(i)), WorkloadName(i)},
                          fmt::format(R"({{"endpoints":{}}})", Endpoints(i, endpoints, AddressOf(change))));
}

}  // namespace k8sgw::bench
