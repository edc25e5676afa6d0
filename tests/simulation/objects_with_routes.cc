// VirtualServices and RouteTables.
#include "tests/simulation/objects.h"
#include "tests/simulation/options.h"

namespace k8sgw::sim {
namespace {

std::string Matchers(Random& random) {
  if (random.OneIn(12)) return "matchers: [{regex: '/a('}], ";
  return random.Pick({"", "matchers: [{prefix: /}], ", "matchers: [{prefix: /a}], ", "matchers: [{exact: /a/b}], ",
                      "matchers: [{regex: '/a.*'}], ", "matchers: [{prefix: /a/c}], ",
                      "matchers: [{prefix: /a, headers: [{name: h, value: v}]}, {prefix: /c, methods: [GET]}], ",
                      "matchers: [{prefix: /a/b, queryParameters: [{name: q}]}], ",
                      "inheritableMatchers: true, matchers: [{prefix: /a, headers: [{name: i, value: v}]}], ",
                      "inheritablePathMatchers: true, "});
}

std::string Delegation(Random& random) {
  switch (random.Below(6)) {
    case 0:
    case 1:
      return Join({"delegateAction: {ref: {name: ", random.Pick({"t0", "t1", "t2"}),
                   ", namespace: ", RandomNamespace(random), "}}"});
    case 2: return "delegateAction: {selector: {namespaces: ['*'], labels: {app: x}}}";
    case 3: return "delegateAction: {selector: {labels: {app: y}}}";
    case 4: return "delegateAction: {selector: {namespaces: [other, default], labels: {app: x}}}";
    default:
      return Join(
          {"delegateAction: {selector: {namespaces: ['*'], expressions: [{key: app, operator: ",
           random.Pick({"Exists", "DoesNotExist", "In, values: [x, z]", "NotIn, values: [x]", "Equals, values: [y]"}),
           "}]}}"});
  }
}

std::string Action(Random& random) {
  switch (random.Below(10)) {
    case 0: return Join({"directResponseAction: {status: ", random.Pick({"200", "404", "200", "99"}), ", body: hi}"});
    case 1: return "redirectAction: {hostRedirect: a.com, responseCode: FOUND}";
    case 2:
      return Join({"routeAction: {multi: {destinations: [{weight: ", std::to_string(random.Below(4)),
                   ", destination: {", RandomDestination(random), "}}, {weight: 2, destination: {",
                   RandomDestination(random), "}}]}}"});
    case 3: return Join({"routeAction: {upstreamGroup: {name: ", random.Pick({"g0", "g1"}), ", namespace: default}}"});
    case 4:
    case 5:
    case 6: return Join({"routeAction: {single: {", RandomDestination(random), "}}"});
    default: return Delegation(random);
  }
}

std::string Options(Random& random) {
  const std::string options = RandomRouteOptions(random);
  std::string text = options.empty() ? "" : "options: {" + options + "}, ";
  if (random.OneIn(6)) {
    text += Join({"optionsConfigRefs: {delegateOptions: [{name: ", random.Pick({"ro0", "ro1"}), ", namespace: ",
                  RandomNamespace(random), "}", random.Pick({"", ", {name: ro0, namespace: default}"}), "]}, "});
  }
  return text;
}

std::string Routes(Random& random) {
  std::string routes;
  for (int i = 1 + random.Below(3); i > 0; --i) {
    routes +=
        Join({"    - {", random.Pick({"", "", "name: n, "}), Matchers(random), Options(random), Action(random), "}\n"});
  }
  return routes;
}

std::string SslConfig(Random& random) {
  if (!random.OneIn(3)) return "";
  return Join({"  sslConfig: {secretRef: {name: ", random.Pick({"s0", "s1", "s0", "ca"}), ", namespace: default}",
               random.Pick({"", ", sniDomains: [a.com]", ", sniDomains: [a.com, b.com]", ", sniDomains: ['*.com']",
                            ", oneWayTls: true", ", parameters: {minimumProtocolVersion: TLSv1_3}"}),
               "}\n"});
}

std::string Domains(Random& random) {
  return random.Pick(
      {"a.com", "b.com", "c.com", "'*'", "a.com, c.com", "B.com", "e.com", "'*.com'", "f.com", "d.com, d.com"});
}

std::string HostOptions(Random& random) {
  const std::string options = RandomVirtualHostOptions(random);
  std::string text = options.empty() ? "" : "    options: {" + options + "}\n";
  if (random.OneIn(5)) {
    text += Join({"    optionsConfigRefs: {delegateOptions: [{name: ", random.Pick({"vo0", "vo1"}),
                  ", namespace: default}]}\n"});
  }
  return text;
}

}  // namespace

std::string RandomVirtualService(Random& random) {
  return Join({Head(random, "gateway.solo.io/v1", "VirtualService",
                    {random.Pick({"v0", "v1", "v2", "v3", "v10"}), RandomNamespace(random)}),
               "spec:\n", SslConfig(random), "  virtualHost:\n    domains: [", Domains(random), "]\n",
               HostOptions(random), "    routes:\n", Routes(random)});
}

std::string RandomRouteTable(Random& random) {
  return Join(
      {Head(random, "gateway.solo.io/v1", "RouteTable", {random.Pick({"t0", "t1", "t2"}), RandomNamespace(random)}),
       "spec:\n", random.Pick({"", "", "  weight: 1\n", "  weight: -2\n"}), "  routes:\n", Routes(random)});
}

}  // namespace k8sgw::sim
