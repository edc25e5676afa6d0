#include "tests/simulation/objects.h"

#include "tests/simulation/certificates.h"
#include "tests/simulation/options.h"

namespace k8sgw::sim {
namespace {

std::string Upstream(Random& random) {
  return Join({Head(random, "gloo.solo.io/v1", "Upstream",
                    {random.Pick({"u0", "u1", "u2", "u3", "u10"}), RandomNamespace(random)}),
               "spec: {", RandomFlatUpstream(random), "}\n"});
}

std::string UpstreamGroup(Random& random) {
  return Join({Head(random, "gloo.solo.io/v1", "UpstreamGroup", {random.Pick({"g0", "g1"}), "default"}),
               "spec: {destinations: [{weight: ", random.Pick({"1", "2", "0"}), ", destination: {",
               RandomDestination(random), "}}, {weight: ", random.Pick({"3", "3", "0"}), ", destination: {",
               RandomDestination(random), "}}]}\n"});
}

std::string Selector(Random& random) {
  return random.Pick({"", "", "", "virtualServiceSelector: {app: x}, ", "virtualServiceNamespaces: [default], ",
                      "virtualServiceNamespaces: ['*'], ",
                      "virtualServiceNamespaces: [other], virtualServiceSelector: {app: y}, ",
                      "virtualServices: [{name: v0, namespace: default}], ",
                      "virtualServices: [{name: v1, namespace: default}, {name: v2, namespace: other}], ",
                      "virtualServiceExpressions: {expressions: [{key: app, operator: Exists}]}, ",
                      "virtualServiceExpressions: {expressions: [{key: app, operator: NotIn, values: [x]}]}, "});
}

std::string GatewayType(Random& random) {
  if (random.OneIn(15)) return "  tcpGateway: {}\n";
  return Join({"  httpGateway: {", Selector(random), "options: {", RandomHttpListenerOptions(random), "}}\n"});
}

std::string Gateway(Random& random) {
  return Join({Head(random, "gateway.solo.io/v1", "Gateway",
                    {random.Pick({"http", "http", "https", "extra"}),
                     random.Pick({"gloo-system", "gloo-system", "gloo-system", "default"})}),
               "spec:\n  bindAddress: '::'\n  bindPort: ", random.Pick({"80", "8080", "8081", "8080"}),
               "\n  ssl: ", random.Pick({"false", "true"}), "\n  proxyNames: ",
               random.Pick({"[gateway-proxy]", "[gateway-proxy]", "[gateway-proxy, p2]", "[p2]", "[]"}),
               "\n  options: {", RandomListenerOptions(random), "}\n", GatewayType(random)});
}

std::string Settings(Random& random) {
  return Join(
      {Head(random, "gloo.solo.io/v1", "Settings",
            {random.Pick({"default", "default", "default", "another"}), "gloo-system"}),
       "spec: ",
       random.Pick({"{}", "{gateway: {isolateVirtualHostsBySslConfig: true}}",
                    "{gateway: {isolateVirtualHostsBySslConfig: true}, gloo: {removeUnusedFilters: true}}",
                    "{watchNamespaces: [default, gloo-system]}", "{watchNamespaces: [other]}",
                    "{gloo: {invalidConfigPolicy: {replaceInvalidRoutes: true, invalidRouteResponseCode: 404}}}",
                    "{gloo: {invalidConfigPolicy: {replaceInvalidRoutes: true, invalidRouteResponseBody: gone}}}",
                    "{gloo: {regexMaxProgramSize: 3}}", "{gateway: {virtualServiceOptions: {oneWayTls: true}}}",
                    "{gloo: {removeUnusedFilters: true}}", "{gloo: {circuitBreakers: {maxConnections: 7}}}",
                    "{gateway: {readGatewaysFromAllNamespaces: true}}", "{gateway: {translateEmptyGateways: true}}",
                    "{gateway: {validation: {warnMissingTlsSecret: true}}}", "{gloo: {disableGrpcWeb: true}}",
                    "{extauth: {extauthzServerRef: {name: u0, namespace: default}, httpService: {}}}",
                    "{extauth: {extauthzServerRef: {name: u3, namespace: default}}, "
                    "ratelimitServer: {ratelimitServerRef: {name: u1, namespace: default}}}"}),
       "\n"});
}

// Options that routes and virtual hosts share, and a kind that is read but not translated.
std::string SharedOptions(Random& random) {
  switch (random.Below(8)) {
    case 0:
      return Join({Head(random, "gateway.solo.io/v1", "ListenerOption", {"lo", "default"}),
                   "spec: {options: {tcpStats: true}}\n"});
    case 1:
    case 2:
    case 3:
      return Join({Head(random, "gateway.solo.io/v1", "VirtualHostOption", {random.Pick({"vo0", "vo1"}), "default"}),
                   "spec: {options: {", RandomVirtualHostOptions(random), "}}\n"});
    default:
      return Join(
          {Head(random, "gateway.solo.io/v1", "RouteOption", {random.Pick({"ro0", "ro1"}), RandomNamespace(random)}),
           "spec: {options: {", RandomRouteOptions(random), "}}\n"});
  }
}

// Of the service s.S, whose method has the path /a, /b, or one that Envoy would refuse.
std::string RandomDescriptors(Random& random) {
  return random.Pick({"Ci0KAXMSAXMiAwoBTTIgCgFTEhsKAUYSBC5zLk0aBC5zLk0iCoLT5JMCBBICL2E=",
                      "Ci0KAXMSAXMiAwoBTTIgCgFTEhsKAUYSBC5zLk0aBC5zLk0iCoLT5JMCBBICL2I=",
                      "Ci4KAXMSAXMiAwoBTTIhCgFTEhwKAUYSBC5zLk0aBC5zLk0iC4LT5JMCBRIDL2Ev", "'no: base64'"});
}

std::string SecretOrArtifact(Random& random) {
  const auto secret = [&](const char* type, const std::string& name, const std::string& data) {
    return Join({Head(random, "v1", "Secret", {name, "default"}), "type: ", type, "\n", data});
  };
  switch (random.Below(8)) {
    case 0: return secret("kubernetes.io/tls", "ca", RandomAuthorityData(random));
    case 1:
      return secret("gloo.solo.io/header", "h0",
                    Join({"stringData: {", random.Pick({"x-a: b", "x-a: c, x-b: d", "'not a header': e"}), "}\n"}));
    case 2:
      return Join({Head(random, "v1", "ConfigMap", {"a0", "default"}), "data: {", random.Pick({"a: ", "a: ", "b: "}),
                   RandomDescriptors(random), "}\n"});
    case 3:
    case 4: return secret("kubernetes.io/tls", "s1", RandomTlsData(random));
    default: return secret("kubernetes.io/tls", "s0", RandomTlsData(random));
  }
}

}  // namespace

std::string Join(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string& part : parts) text += part;
  return text;
}

std::string Head(Random& random, const std::string& api_version, const std::string& kind, const ObjectName& name) {
  const bool divides = kind == "Gateway" && random.OneIn(2);
  return Join({"apiVersion: ", api_version, "\nkind: ", kind, "\nmetadata: {name: ", name.name,
               ", namespace: ", name.ns,
               divides ? ", annotations: {k8sgateway.io/route-shards: '" + random.Pick({"2", "4", "8", "off"}) + "'}"
                       : random.Pick({"", "", "", ", labels: {app: x}", ", labels: {app: y}",
                                      ", creationTimestamp: '2024-01-01T00:00:00Z'", "",
                                      ", labels: {app: x}, annotations: {note: a}"}),
               "}\n"});
}

std::string RandomNamespace(Random& random) { return random.Pick({"default", "default", "other"}); }

std::string UpstreamReference(Random& random) {
  return Join({"upstream: {name: ", random.Pick({"u0", "u1", "u2", "u3", "u10"}),
               ", namespace: ", RandomNamespace(random), "}"});
}

std::string RandomDestination(Random& random) {
  if (!random.OneIn(5)) return UpstreamReference(random);
  return Join({"kube: {ref: {name: ", random.Pick({"k0", "k1", "k2"}), ", namespace: ", RandomNamespace(random),
               "}, port: ", random.Pick({"80", "80", "81"}), "}"});
}

std::string RandomFlatUpstream(Random& random) {
  const std::string options = RandomUpstreamOptions(random);
  return Join(
      {random.Pick({"static: {hosts: [{addr: 127.0.0.1, port: 80}]}", "static: {hosts: [{addr: 127.0.0.1, port: 81}]}",
                    "static: {hosts: [{addr: 127.0.0.1, port: 82}, {addr: 127.0.0.2, port: 82}]}",
                    "static: {hosts: [{addr: backend.example.com, port: 443}], useTls: true}",
                    "kube: {serviceName: k0, serviceNamespace: default, servicePort: 80}",
                    "kube: {serviceName: k1, serviceNamespace: default, servicePort: 80, selector: {app: x}}",
                    "kube: {serviceName: k1, serviceNamespace: default, servicePort: 81}",
                    "kube: {serviceName: k0, serviceNamespace: default, servicePort: 80, subsetSpec: {selectors: "
                    "[{keys: [app]}]}}",
                    "kube: {serviceName: k1, serviceNamespace: other, servicePort: 80, subsetSpec: {selectors: "
                    "[{keys: [app]}]}}",
                    "pipe: {path: /tmp/socket}", "static: {hosts: [{addr: 127.0.0.1, port: 80}]}",
                    "static: {hosts: []}", "static: {hosts: [{addr: 127.0.0.1, port: 99999}]}"}),
       options.empty() ? "" : ", ", options});
}

std::string RandomObject(Random& random) {
  if (random.OneIn(3)) return RandomCoreObject(random);
  switch (random.Below(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: return RandomVirtualService(random);
    case 5:
    case 6: return RandomRouteTable(random);
    case 7:
    case 8:
    case 9:
    case 10: return Upstream(random);
    case 11: return UpstreamGroup(random);
    case 12:
    case 13:
    case 14: return Gateway(random);
    case 15: return Settings(random);
    case 16:
    case 17: return SharedOptions(random);
    default: return SecretOrArtifact(random);
  }
}

}  // namespace k8sgw::sim
