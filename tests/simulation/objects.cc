#include "tests/simulation/objects.h"

#include <fmt/core.h>

#include "tests/simulation/certificates.h"

namespace k8sgw::sim {
namespace {

std::string Namespace(Random& random) { return random.Pick({"default", "default", "other"}); }
std::string UpstreamName(Random& random) { return random.Pick({"u0", "u1", "u2", "u3"}); }

std::string Metadata(Random& random, const std::string& name, const std::string& ns) {
  return fmt::format("metadata: {{name: {}, namespace: {}{}}}\n", name, ns,
                     random.Pick({"", "", "", ", labels: {app: x}", ", labels: {app: y}",
                                  ", creationTimestamp: '2024-01-01T00:00:00Z'", ", generation: 3"}));
}

std::string UpstreamReference(Random& random) {
  return fmt::format("upstream: {{name: {}, namespace: {}}}", UpstreamName(random), Namespace(random));
}

std::string Matchers(Random& random) {
  return random.Pick({"", "matchers: [{prefix: /}], ", "matchers: [{prefix: /a}], ", "matchers: [{exact: /a/b}], ",
                      "matchers: [{regex: '/a.*'}], ", "matchers: [{regex: '/a('}], ",
                      "matchers: [{prefix: /a, headers: [{name: h, value: v}]}, {prefix: /c, methods: [GET]}], ",
                      "matchers: [{prefix: /a/b, queryParameters: [{name: q}]}], "});
}

std::string RouteOptions(Random& random) {
  return random.Pick(
      {"", "", "", "options: {timeout: 3s}, ", "options: {retries: {retryOn: 5xx, numRetries: 2}}, ",
       "options: {prefixRewrite: /x}, ", "options: {hostRewrite: h.example.com}, ",
       "options: {headerManipulation: {requestHeadersToAdd: [{header: {key: a, value: '%REQ('}}]}}, ",
       "options: {headerManipulation: {responseHeadersToAdd: [{header: {key: a, value: b}}]}}, ",
       "options: {cors: {allowOrigin: ['https://a.com']}}, ", "options: {faults: {abort: {httpStatus: 503, percentage: 5}}}, ",
       "options: {shadowing: {upstream: {name: u1, namespace: default}, percentage: 10}}, ",
       "options: {csrf: {filterEnabled: {defaultValue: {numerator: 100}}}}, ", "options: {upgrades: [{websocket: {}}]}, ",
       "options: {bufferPerRoute: {disabled: true}}, ",
       "optionsConfigRefs: {delegateOptions: [{name: ro0, namespace: default}]}, "});
}

std::string Action(Random& random, bool may_delegate) {
  switch (random.Below(may_delegate ? 9 : 6)) {
    case 0: return "directResponseAction: {status: 200, body: hi}";
    case 1: return "redirectAction: {hostRedirect: a.com, responseCode: FOUND}";
    case 2:
      return fmt::format("routeAction: {{multi: {{destinations: [{{weight: {}, destination: {{{}}}}}, {{weight: 2, "
                         "destination: {{{}}}}}]}}}}",
                         random.Below(3), UpstreamReference(random), UpstreamReference(random));
    case 3: return "routeAction: {upstreamGroup: {name: g0, namespace: default}}";
    case 4:
    case 5: return "routeAction: {single: {" + UpstreamReference(random) + "}}";
    case 6: return fmt::format("delegateAction: {{ref: {{name: {}, namespace: default}}}}", random.Pick({"t0", "t1", "t2"}));
    case 7: return "delegateAction: {selector: {namespaces: ['*'], labels: {app: x}}}";
    default: return "delegateAction: {selector: {labels: {app: y}}}";
  }
}

std::string Routes(Random& random) {
  std::string routes;
  for (int i = 1 + random.Below(3); i > 0; --i) {
    routes += "    - {" + Matchers(random) + RouteOptions(random) + Action(random, true) + "}\n";
  }
  return routes;
}

std::string VirtualService(Random& random) {
  return "apiVersion: gateway.solo.io/v1\nkind: VirtualService\n" +
         Metadata(random, random.Pick({"v0", "v1", "v2", "v3"}), Namespace(random)) + "spec:\n" +
         random.Pick({"", "", "  sslConfig: {secretRef: {name: s0, namespace: default}}\n",
                      "  sslConfig: {secretRef: {name: s1, namespace: default}, sniDomains: [a.com]}\n"}) +
         "  virtualHost:\n    domains: [" + random.Pick({"a.com", "b.com", "'*'", "a.com, c.com", "B.com", "d.com, d.com"}) +
         "]\n" +
         random.Pick({"", "", "    options: {stats: {}}\n", "    options: {retries: {retryOn: 5xx}}\n",
                      "    optionsConfigRefs: {delegateOptions: [{name: vo0, namespace: default}]}\n"}) +
         "    routes:\n" + Routes(random);
}

std::string RouteTable(Random& random) {
  return "apiVersion: gateway.solo.io/v1\nkind: RouteTable\n" + Metadata(random, random.Pick({"t0", "t1", "t2"}), Namespace(random)) +
         "spec:\n  routes:\n" + Routes(random);
}

std::string Upstream(Random& random) {
  return "apiVersion: gloo.solo.io/v1\nkind: Upstream\n" + Metadata(random, UpstreamName(random), Namespace(random)) + "spec:\n" +
         random.Pick({"  static: {hosts: [{addr: 127.0.0.1, port: 80}]}\n", "  static: {hosts: [{addr: 127.0.0.1, port: 81}]}\n",
                      "  static: {hosts: [{addr: backend.example.com, port: 443}], useTls: true}\n", "  static: {hosts: []}\n",
                      "  static: {hosts: [{addr: 127.0.0.1, port: 99999}]}\n", "  pipe: {path: /tmp/socket}\n",
                      "  static: {hosts: [{addr: 127.0.0.1, port: 82}]}\n  connectionConfig: {connectTimeout: 2s}\n",
                      "  static: {hosts: [{addr: 127.0.0.1, port: 83}]}\n  sslConfig: {secretRef: {name: s0, namespace: default}}\n",
                      "  static: {hosts: [{addr: 127.0.0.1, port: 84}]}\n  healthChecks: [{timeout: 1s, interval: 1s, "
                      "unhealthyThreshold: 1, healthyThreshold: 1, httpHealthCheck: {path: /}}]\n"});
}

std::string UpstreamGroup(Random& random) {
  return "apiVersion: gloo.solo.io/v1\nkind: UpstreamGroup\n" + Metadata(random, "g0", "default") +
         "spec: {destinations: [{weight: 1, destination: {" + UpstreamReference(random) + "}}, {weight: 3, destination: {" +
         UpstreamReference(random) + "}}]}\n";
}

std::string Gateway(Random& random) {
  return "apiVersion: gateway.solo.io/v1\nkind: Gateway\n" +
         Metadata(random, random.Pick({"http", "http", "https", "extra"}), "gloo-system") +
         fmt::format("spec:\n  bindAddress: '::'\n  bindPort: {}\n  ssl: {}\n  proxyNames: [{}]\n  httpGateway: {}\n",
                     8080 + random.Below(3), random.Pick({"false", "true"}), random.Pick({"gateway-proxy", "gateway-proxy", "p2"}),
                     random.Pick({"{}", "{}", "{virtualServiceSelector: {app: x}}", "{virtualServiceNamespaces: [default]}",
                                  "{virtualServices: [{name: v0, namespace: default}]}",
                                  "{options: {healthCheck: {path: /ok}}}", "{options: {gzip: {}}}",
                                  "{options: {buffer: {maxRequestBytes: 1000}}}", "{options: {healthCheck: {path: ''}}}"}));
}

std::string Settings(Random& random) {
  return "apiVersion: gloo.solo.io/v1\nkind: Settings\nmetadata: {name: default, namespace: gloo-system}\nspec: " +
         random.Pick({"{}", "{gateway: {isolateVirtualHostsBySslConfig: true}}", "{gateway: {isolateVirtualHostsBySslConfig: true}}", "{watchNamespaces: [default, gloo-system]}",
                      "{gloo: {invalidConfigPolicy: {replaceInvalidRoutes: true, invalidRouteResponseCode: 404}}}",
                      "{gloo: {regexMaxProgramSize: 3}}", "{gateway: {virtualServiceOptions: {oneWayTls: true}}}"}) +
         "\n";
}

std::string Options(Random& random) {
  if (random.OneIn(2)) {
    return "apiVersion: gateway.solo.io/v1\nkind: RouteOption\n" + Metadata(random, "ro0", "default") + "spec: {options: {" +
           random.Pick({"timeout: 7s", "idleTimeout: 8s", "prefixRewrite: /r", "timeout: -1s"}) + "}}\n";
  }
  return "apiVersion: gateway.solo.io/v1\nkind: VirtualHostOption\n" + Metadata(random, "vo0", "default") + "spec: {options: {" +
         random.Pick({"includeRequestAttemptCount: true", "cors: {allowOrigin: ['*']}", "stats: {}"}) + "}}\n";
}

}  // namespace

std::string RandomObject(Random& random) {
  switch (random.Below(16)) {
    case 0:
    case 1:
    case 2:
    case 3: return VirtualService(random);
    case 4:
    case 5: return RouteTable(random);
    case 6:
    case 7:
    case 8: return Upstream(random);
    case 9: return UpstreamGroup(random);
    case 10:
    case 11: return Gateway(random);
    case 12: return Settings(random);
    case 13: return Options(random);
    default:
      return "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\n" +
             Metadata(random, random.Pick({"s0", "s1"}), "default") + RandomTlsData(random);
  }
}

}  // namespace k8sgw::sim
