#include "src/cli/get/get.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/get/rows.h"

namespace k8sgw::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

yaml::Node Parse(const std::string& text) {
  yaml::Stream stream = yaml::Parse(text);
  EXPECT_TRUE(stream.ok) << stream.error.message;
  return std::move(stream.documents.at(0));
}

std::string Rows(const char* kind, const std::string& text, TableOptions options = {}) {
  return RenderTable(*KindCalled(kind), {Parse(text)}, options);
}

constexpr char kVirtualService[] = R"(
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default, uid: u, resourceVersion: "7", managedFields: [{manager: x}],
           annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}}
spec:
  displayName: The shop
  sslConfig: {secretRef: {name: cert, namespace: default}}
  virtualHost:
    domains: [shop.example.com, "*.shop.example.com"]
    routes:
    - matchers: [{prefix: /api, methods: [GET, POST]}, {exact: /one, headers: [{name: x-user}]}]
      routeAction: {single: {upstream: {name: petstore, namespace: default}}}
    - matchers: [{prefix: /svc}]
      routeAction: {single: {kube: {ref: {name: web, namespace: web}, port: 8080}}}
    - matchers: [{prefix: /part}]
      delegateAction: {ref: {name: part, namespace: default}}
    - matchers: [{prefix: /parts}]
      delegateAction: {selector: {labels: {team: a}}}
    - matchers: [{prefix: /old}]
      redirectAction: {hostRedirect: new.example.com, httpsRedirect: true}
    - directResponseAction: {status: 404}
status:
  statuses: {gloo-system: {state: Warning, reason: "there is no Upstream default/petstore"}}
)";

TEST(GetTable, AVirtualServiceShowsDomainsStatusAndRoutes) {
  const std::string table = Rows("vs", kVirtualService);
  for (const char* text : {"VIRTUAL SERVICE", "The shop", "*.shop.example.com", "secret: default.cert", "Warning",
                           "there is no Upstream default/petstore", "GET,POST /api -> default.petstore (upstream)",
                           "/one if x-user -> default.petstore (upstream)", "/svc -> web.web:8080 (service)",
                           "/part -> default.part (route table)", "/parts -> route tables with team=a",
                           "/old -> https://new.example.com (redirect)", "/ -> 404 (direct response)"})
    EXPECT_THAT(table, HasSubstr(text));
  EXPECT_THAT(table, Not(HasSubstr("NAMESPACE")));
}

TEST(GetTable, NamespacesHaveAColumnWhenThereMayBeSeveral) {
  const std::string table = Rows("vs", kVirtualService, {.namespaces = true});
  EXPECT_THAT(table, HasSubstr("NAMESPACE"));
  EXPECT_THAT(table, HasSubstr("| default"));
}

TEST(GetTable, AnUpstreamShowsItsTypeAndDetails) {
  const std::string kube = Rows("upstream", R"(
metadata: {name: web}
spec: {kube: {serviceName: web, serviceNamespace: prod, servicePort: 80, selector: {app: web}}}
status: {statuses: {gloo-system: {state: 1}}}
)");
  for (const char* text : {"Kubernetes", "Accepted", "svc name: web", "svc namespace: prod", "port: 80", "app=web"})
    EXPECT_THAT(kube, HasSubstr(text));
  EXPECT_THAT(Rows("us", "metadata: {name: a}\nspec: {static: {hosts: [{addr: a.test, port: 1}]}}"),
              ::testing::AllOf(HasSubstr("Static"), HasSubstr("host: a.test:1"), HasSubstr("Pending")));
}

TEST(GetTable, ARefusalInOneProxyIsThatOfTheObject) {
  const std::string table = Rows("gateway", R"(
metadata: {name: gw}
spec: {bindAddress: "::", bindPort: 8080, proxyNames: [gateway-proxy]}
status: {statuses: {gloo-system: {state: Accepted, subresourceStatuses: {"*v1.Proxy.p_ns": {state: Rejected, reason: port in use}}}}}
)");
  EXPECT_THAT(table, HasSubstr("Rejected"));
  EXPECT_THAT(table, HasSubstr("port in use"));
  EXPECT_THAT(table, HasSubstr(":::8080"));
}

TEST(GetTable, AProxyCountsVirtualHostsOfEachKindOfListener) {
  const std::string table = Rows("proxy", R"(
metadata: {name: gateway-proxy}
spec:
  listeners:
  - {bindAddress: "::", bindPort: 8080, httpListener: {virtualHosts: [{name: a}, {name: b}]}}
  - {bindAddress: "::", bindPort: 8443, aggregateListener: {httpResources: {virtualHosts: {a: {}, b: {}, c: {}}}}}
)");
  EXPECT_THAT(table, HasSubstr("| :::8080   | 2 "));
  EXPECT_THAT(table, HasSubstr("| :::8443   | 3 "));
}

TEST(GetTable, ManyRoutesAreCutButInWideTables) {
  std::string text = "metadata: {name: rt}\nspec:\n  routes:\n";
  for (int i = 0; i < 40; ++i) text += "  - {matchers: [{prefix: /r" + std::to_string(i) + "}]}\n";
  EXPECT_THAT(Rows("rt", text), ::testing::AllOf(HasSubstr("and 15 more"), Not(HasSubstr("/r30"))));
  EXPECT_THAT(Rows("rt", text, {.wide = true}), HasSubstr("/r39"));
}

TEST(GetTable, ObjectsOfAnyFormAreShown) {
  for (const char* kind : {"vs", "us", "rt", "proxy", "ug", "gw", "st"}) {
    for (const char* text : {"{}", "metadata: 5", "metadata: {name: [x]}\nspec: [1]\nstatus: x",
                             "spec: {virtualHost: {routes: [1, {matchers: x, routeAction: 3}]}, listeners: {}}"})
      EXPECT_THAT(Rows(kind, text), HasSubstr("+--"));
  }
}

TEST(GetText, YamlIsThePublishedForm) {
  const std::string text = RenderText({Parse(kVirtualService)}, "yaml");
  EXPECT_THAT(text, StartsWith("---\nmetadata:\n  name: shop\n"));
  EXPECT_THAT(text, HasSubstr("namespacedStatuses:\n  statuses:\n    gloo-system:"));
  EXPECT_THAT(text, HasSubstr("\nvirtualHost:\n"));
  EXPECT_THAT(text, Not(HasSubstr("managedFields")));
  EXPECT_THAT(text, Not(HasSubstr("last-applied")));
}

TEST(GetText, KubeYamlCanBeApplied) {
  const std::string text = RenderText({Parse(kVirtualService)}, "kube-yaml");
  EXPECT_THAT(text, StartsWith("---\napiVersion: gateway.solo.io/v1\nkind: VirtualService\n"));
  EXPECT_THAT(text, HasSubstr("\nspec:\n"));
  for (const char* noted : {"\nstatus:", "uid", "resourceVersion"}) EXPECT_THAT(text, Not(HasSubstr(noted)));
}

TEST(GetText, JsonIsOneList) {
  EXPECT_THAT(RenderText({Parse(kVirtualService), Parse("metadata: {name: b}")}, "json"), StartsWith("["));
  EXPECT_EQ(RenderText({}, "json"), "[]\n");
}

TEST(KindCalled, KnowsEachNameOfAKind) {
  for (const char* word : {"virtualservice", "virtualservices", "vs", "VirtualService"}) {
    ASSERT_NE(KindCalled(word), nullptr) << word;
    EXPECT_EQ(KindCalled(word)->kind, "VirtualService");
  }
  EXPECT_EQ(KindCalled("virtualservic"), nullptr);
  EXPECT_EQ(KindCalled(""), nullptr);
}

}  // namespace
}  // namespace k8sgw::cli
