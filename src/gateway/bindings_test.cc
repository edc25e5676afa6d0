#include <gmock/gmock.h>
#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/ssl.proto.h"
#include "src/gateway/test_world.h"

namespace k8sgw::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A Gateway with the given fields of httpGateway (in braces).
std::string Gateway(const std::string& name, int port, const std::string& http, const std::string& more = "") {
  return "\n---\napiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {name: " + name +
         ", namespace: gloo-system}\nspec: {bindAddress: '::', bindPort: " + std::to_string(port) +
         ", httpGateway: " + http + (more.empty() ? "" : ", ") + more + "}\n";
}

std::string Service(const std::string& ns, const std::string& name, const std::string& spec,
                    const std::string& metadata = "") {
  return "\n---\napiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: " + name +
         ", namespace: " + ns + (metadata.empty() ? "" : ", ") + metadata + "}\nspec: {" + spec + "}\n";
}

std::string Domain(const std::string& domain) { return "virtualHost: {domains: ['" + domain + "']}"; }

TEST(Selection, ByRefsLabelsExpressionsNamespacesAndSsl) {
  const std::string services = Service("one", "a", Domain("a"), "labels: {team: x, tier: '1'}") +
                               Service("one", "b", Domain("b"), "labels: {team: y, tier: '2'}") +
                               Service("two", "c", Domain("c"), "labels: {team: x, tier: '3'}") +
                               Service("two", "d", Domain("d")) +
                               Service("one", "s", Domain("s") + ", sslConfig: {secretRef: {name: s, namespace: one}}");
  struct Case {
    const char* http;
    const char* more;
    std::vector<std::string> taken;
  };
  const Case cases[] = {
      {"{}", "", {"one.a", "one.b", "two.c", "two.d"}},
      {"{}", "ssl: true", {"one.s"}},
      {"{virtualServiceNamespaces: [one]}", "", {"one.a", "one.b"}},
      {"{virtualServiceNamespaces: [one, '*']}", "", {"one.a", "one.b", "two.c", "two.d"}},
      {"{virtualServices: [{name: d, namespace: two}, {name: a, namespace: one}]}", "", {"one.a", "two.d"}},
      {"{virtualServices: [{name: s, namespace: one}]}", "", {}},
      {"{virtualServices: [{name: s, namespace: one}]}", "ssl: true", {"one.s"}},
      {"{virtualServiceSelector: {team: x}}", "", {"one.a", "two.c"}},
      {"{virtualServiceSelector: {team: x}, virtualServiceNamespaces: [two]}", "", {"two.c"}},
      {"{virtualServiceSelector: {team: x, tier: '2'}}", "", {}},
      {"{virtualServiceExpressions: {expressions: [{key: team, operator: In, values: [x, y]}]}}",
       "",
       {"one.a", "one.b", "two.c"}},
      {"{virtualServiceExpressions: {expressions: [{key: team, operator: DoesNotExist}]}}", "", {"two.d"}},
      {"{virtualServiceExpressions: {expressions: [{key: tier, operator: GreaterThan, values: ['1']}, {key: team, "
       "operator: Equals, values: [x]}]}}",
       "",
       {"two.c"}},
      {"{virtualServiceExpressions: {}}", "", {"one.a", "one.b", "two.c", "two.d"}},
      // Precedence: expressions, labels, refs; namespaces do not restrict refs.
      {"{virtualServiceExpressions: {expressions: [{key: tier, operator: Equals, values: ['2']}]}, "
       "virtualServiceSelector: {team: x}, virtualServices: [{name: d, namespace: two}]}",
       "",
       {"one.b"}},
      {"{virtualServiceSelector: {team: y}, virtualServices: [{name: d, namespace: two}]}", "", {"one.b"}},
      {"{virtualServices: [{name: d, namespace: two}], virtualServiceNamespaces: [one]}", "", {"two.d"}},
  };
  for (const Case& c : cases) {
    World world;
    world.Apply(services + Gateway("http", 8080, c.http, c.more));
    std::vector<std::string> taken;
    for (const std::string& host : world.hosts()) taken.push_back(host.substr(5));
    EXPECT_EQ(taken, c.taken) << c.http << " " << c.more;
  }
}

TEST(Selection, FieldsThatLoseAreNamed) {
  World world;
  world.Apply(Gateway("http", 8080,
                      "{virtualServiceExpressions: {}, virtualServiceSelector: {a: b}, virtualServices: [{name: a, "
                      "namespace: b}]}") +
              Gateway("refs", 8081, "{virtualServices: [], virtualServiceNamespaces: [a]}"));
  EXPECT_THAT(
      world.problems(),
      ElementsAre("warning: Gateway gloo-system/http: httpGateway.virtualServiceSelector: has no effect, because "
                  "virtualServiceExpressions is set: remove one of them",
                  "warning: Gateway gloo-system/http: httpGateway.virtualServices: has no effect, because "
                  "virtualServiceExpressions is set: remove one of them"));
}

TEST(Selection, AnInvalidExpressionKeepsTheLastGoodChoice) {
  World world;
  const std::string bad =
      Gateway("http", 8080, "{virtualServiceExpressions: {expressions: [{key: team, operator: In, values: []}]}}");
  world.Apply(Service("one", "a", Domain("a"), "labels: {team: x}") + Service("one", "b", Domain("b")) +
              Gateway("http", 8080, "{virtualServiceSelector: {team: x}}"));
  EXPECT_THAT(world.hosts(), ElementsAre("http one.a"));
  world.Apply(bad);
  EXPECT_FALSE(world.listener("http")->accepted);
  EXPECT_TRUE(Says(world.problems(), {"error: Gateway gloo-system/http: "
                                      "httpGateway.virtualServiceExpressions.expressions[0]: In and NotIn need"}));
  // By the old choice, with VirtualServices as they are now.
  EXPECT_THAT(world.hosts(), ElementsAre("http one.a"));
  world.Apply(Service("two", "c", Domain("c"), "labels: {team: x}"));
  EXPECT_THAT(world.hosts(), ElementsAre("http one.a", "http two.c"));
  // Never good: selects nothing.
  World fresh;
  fresh.Apply(Service("one", "a", Domain("a")) + bad);
  EXPECT_THAT(fresh.hosts(), IsEmpty());
  // Unless it remembers.
  World restarted;
  restarted.translation.Remember(world.translation.memory());
  restarted.Apply(Service("one", "a", Domain("a"), "labels: {team: x}") + Service("one", "b", Domain("b")) + bad);
  EXPECT_THAT(restarted.hosts(), ElementsAre("http one.a"));
}

TEST(Bindings, DomainsAndSsl) {
  World world;
  world.Apply(
      Gateway("http", 8080, "{}") + Gateway("https", 8443, "{}", "ssl: true") +
      Service("one", "none", "virtualHost: {}") +
      Service("one", "s1", "virtualHost: {domains: [s1]}, sslConfig: {secretRef: {name: s}, sniDomains: [s1]}") +
      Service("one", "s2", "virtualHost: {domains: [s2]}, sslConfig: {secretRef: {name: s}, sniDomains: [s2]}") +
      Service("one", "s3", "virtualHost: {domains: [s3]}, sslConfig: {secretRef: {name: t}, oneWayTls: false}"));
  const auto get = [&](const char* gateway, const char* name) {
    return world.translation.bindings().Get(
        {{{"gloo-system", "gateway-proxy"}, {"gloo-system", gateway}}, {"one", name}});
  };
  EXPECT_THAT(get("http", "none")->domains, ElementsAre("*"));
  EXPECT_EQ(get("http", "none")->ssl_hash, 0u);
  EXPECT_EQ(get("https", "s1")->ssl_hash, get("https", "s2")->ssl_hash);
  EXPECT_NE(get("https", "s1")->hash, get("https", "s2")->hash);
  EXPECT_NE(get("https", "s1")->ssl_hash, get("https", "s3")->ssl_hash);
  EXPECT_FALSE(get("https", "s1")->ssl_config->has_one_way_tls());
  world.Apply(R"(
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {gateway: {virtualServiceOptions: {oneWayTls: true}}})");
  EXPECT_TRUE(get("https", "s1")->ssl_config->one_way_tls().value());
  EXPECT_FALSE(get("https", "s3")->ssl_config->one_way_tls().value());
}

TEST(Bindings, OnlyFromWatchedNamespaces) {
  World world;
  world.Apply(Gateway("http", 8080, "{}") + Service("one", "a", Domain("a")) + Service("two", "b", Domain("b")) +
              Service("gloo-system", "c", Domain("c")) + R"(
---
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {watchNamespaces: [one]})");
  EXPECT_THAT(world.hosts(), ElementsAre("http gloo-system.c", "http one.a"));
  EXPECT_THAT(world.problems(),
              ElementsAre("warning: VirtualService two/b: metadata.namespace: does not count, because its namespace is "
                          "not watched: add the namespace to watchNamespaces in Settings"));
}

TEST(Unselected, SaysWhy) {
  World world;
  world.Apply(Service("one", "a", Domain("a")));
  EXPECT_TRUE(Says(world.problems(), {"warning: VirtualService one/a: is not served, because there is no Gateway"}));
  world.Apply(Gateway("https", 8443, "{}", "ssl: true"));
  EXPECT_TRUE(Says(world.problems(), {"one/a: is not served, because it has no sslConfig"}));
  world.Apply(Gateway("http", 8080, "{virtualServiceNamespaces: [two]}"));
  EXPECT_TRUE(Says(world.problems(), {"one/a: is not served, because no Gateway selects it"}));
  world.Apply(Gateway("http", 8080, "{}"));
  EXPECT_THAT(world.problems(), IsEmpty());
  world.Apply(Service("one", "a", "displayName: x"));
  EXPECT_TRUE(Says(world.problems(), {"warning: VirtualService one/a: virtualHost: is missing"}));
  EXPECT_THAT(world.hosts(), IsEmpty());
}

TEST(Domains, TheOldestKeepsItAndTheOthersAreRefused) {
  World world;
  world.Apply(
      Gateway("http", 8080, "{}") +
      Service("one", "old", Domain("a.com"), "creationTimestamp: '2020-01-01T00:00:00Z'") +
      Service("one", "new", "virtualHost: {domains: [b.com, A.com]}", "creationTimestamp: '2021-01-01T00:00:00Z'") +
      Service("one", "alone", Domain("c.com")));
  EXPECT_TRUE(world.host("one", "old")->accepted);
  EXPECT_FALSE(world.host("one", "new")->accepted);
  EXPECT_TRUE(world.host("one", "alone")->accepted);
  EXPECT_TRUE(world.listener("http")->accepted);
  EXPECT_THAT(
      world.problems(),
      ElementsAre("error: VirtualService one/new: virtualHost.domains[1]: domain \"A.com\" already belongs to "
                  "VirtualService one/old in the same listener: remove the domain here or there, or join both "
                  "VirtualServices by delegating to RouteTables",
                  "warning: VirtualService one/old: virtualHost.domains[0]: domain \"a.com\" is also claimed by "
                  "VirtualService one/new for the same listener; this VirtualService is the oldest and keeps it: give "
                  "each domain to one VirtualService"));
  // Without a timestamp: older than any.
  world.Apply(Service("two", "file", Domain("a.com")));
  EXPECT_TRUE(world.host("two", "file")->accepted);
  EXPECT_FALSE(world.host("one", "old")->accepted);
  world.Delete(Kind::kVirtualService, "two", "file");
  world.Delete(Kind::kVirtualService, "one", "old");
  EXPECT_TRUE(world.host("one", "new")->accepted);
  EXPECT_THAT(world.problems(), IsEmpty());
}

TEST(Domains, AtTheSameAgeTheNameDecidesAndNoDomainsAreAStar) {
  World world;
  world.Apply(Gateway("http", 8080, "{}") + Service("one", "b", "virtualHost: {}") + Service("one", "a", Domain("*")));
  EXPECT_TRUE(world.host("one", "a")->accepted);
  EXPECT_FALSE(world.host("one", "b")->accepted);
  EXPECT_TRUE(Says(world.problems(), {"error: VirtualService one/b: virtualHost.domains: "}));
}

TEST(Domains, ListenersAndIsolatedSslConfigsDoNotMeet) {
  World world;
  world.Apply(Gateway("a", 8080, "{virtualServiceNamespaces: [one]}") +
              Gateway("b", 8081, "{virtualServiceNamespaces: [two]}") + Service("one", "x", Domain("a.com")) +
              Service("two", "x", Domain("a.com")));
  EXPECT_THAT(world.problems(), IsEmpty());
  World tls;
  const auto secure = [](const std::string& name, const std::string& secret) {
    return Service("one", name, Domain("a.com") + ", sslConfig: {secretRef: {name: " + secret + "}}");
  };
  tls.Apply(Gateway("https", 8443, "{}", "ssl: true") + secure("a", "s") + secure("b", "t"));
  EXPECT_FALSE(tls.host("one", "b")->accepted);
  tls.Apply(R"(
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {gateway: {isolateVirtualHostsBySslConfig: true}})");
  EXPECT_TRUE(tls.host("one", "b")->accepted);
  tls.Apply(secure("b", "s"));
  EXPECT_FALSE(tls.host("one", "b")->accepted);
}

TEST(Domains, TwiceInOneVirtualService) {
  World world;
  world.Apply(Gateway("http", 8080, "{}") + Service("one", "a", "virtualHost: {domains: [a.com, b.com, A.COM]}"));
  EXPECT_FALSE(world.host("one", "a")->accepted);
  EXPECT_THAT(world.problems(), ElementsAre("error: VirtualService one/a: virtualHost.domains[2]: domain \"A.COM\" "
                                            "stands in the list twice: remove one of them"));
}

}  // namespace
}  // namespace k8sgw::gateway
