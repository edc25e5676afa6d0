#include <gmock/gmock.h>
#include <google/protobuf/wrappers.pb.h>

#include "api/core/v1/ref.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/listener_options.proto.h"
#include "api/gloo/v1/route_configuration_options.proto.h"
#include "plugins/health_check/health_check.proto.h"
#include "src/gateway/test_world.h"

namespace k8sgw::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(Listeners, AreNamedByAddressAndRememberTheirGateway) {
  World world;
  world.Apply(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system, generation: 7}
spec: {bindAddress: "::", bindPort: 8080, useProxyProto: true, httpGateway: {options: {healthCheck: {path: /ok}}},
       options: {perConnectionBufferLimitBytes: 5}, routeOptions: {maxDirectResponseBodySizeBytes: 9}})");
  const auto listener = world.listener("http");
  ASSERT_TRUE(listener);
  EXPECT_TRUE(listener->accepted);
  EXPECT_FALSE(listener->ssl);
  const gloov1::Listener& spec = *listener->spec;
  EXPECT_EQ(spec.name(), "listener-::-8080");
  EXPECT_EQ(spec.bind_address(), "::");
  EXPECT_EQ(spec.bind_port(), 8080u);
  EXPECT_TRUE(spec.use_proxy_proto().value());
  EXPECT_EQ(spec.options().per_connection_buffer_limit_bytes().value(), 5u);
  EXPECT_EQ(spec.route_options().max_direct_response_body_size_bytes().value(), 9u);
  EXPECT_EQ(spec.http_listener().options().health_check().path(), "/ok");
  ASSERT_EQ(spec.metadata_static().sources_size(), 1);
  const auto& source = spec.metadata_static().sources(0);
  EXPECT_EQ(source.resource_kind(), "*v1.Gateway");
  EXPECT_EQ(source.resource_ref().name() + " " + source.resource_ref().namespace_(), "http gloo-system");
  EXPECT_EQ(source.observed_generation(), 7);
  EXPECT_THAT(world.problems(), IsEmpty());
}

TEST(Listeners, OnePerProxyName) {
  World world;
  world.Apply(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, proxyNames: [b, a, b], httpGateway: {}})");
  std::vector<std::string> names;
  world.translation.listeners().ForEach([&](const auto& key, const auto&) { names.push_back(key.proxy.ToString()); });
  EXPECT_THAT(names, ElementsAre("gloo-system/a", "gloo-system/b"));
}

TEST(Listeners, OnlyOfTheWriteNamespaceUnlessSettingsSayOtherwise) {
  World world;
  world.Apply(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: other, namespace: team}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {}})");
  EXPECT_EQ(world.translation.listeners().size(), 0u);
  EXPECT_TRUE(
      Says(world.problems(), {"warning: Gateway team/other: metadata.namespace: ", "readGatewaysFromAllNamespaces"}));
  world.Apply(R"(
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {gateway: {readGatewaysFromAllNamespaces: true}})");
  EXPECT_EQ(world.translation.listeners().size(), 1u);
  EXPECT_THAT(world.problems(), IsEmpty());
}

TEST(Listeners, TypesThatAreNotTranslated) {
  World world;
  world.Apply(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: tcp, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 1, tcpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: hybrid, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 2, hybridGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: none, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 3})");
  EXPECT_EQ(world.translation.listeners().size(), 0u);
  EXPECT_THAT(
      world.problems(),
      ElementsAre(
          "warning: Gateway gloo-system/hybrid: hybridGateway: is not translated yet, so the Gateway is not served",
          "error: Gateway gloo-system/none: the Gateway must have a type: add httpGateway: {}",
          "warning: Gateway gloo-system/tcp: tcpGateway: is not translated yet, so the Gateway is not served"));
}

constexpr char kTwoOnOneAddress[] = R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: a, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: b, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, proxyNames: [gateway-proxy, other], httpGateway: {}}
)";

TEST(Listeners, TwoOnOneAddressAreBothRefusedInThatProxyOnly) {
  World world;
  world.Apply(kTwoOnOneAddress);
  EXPECT_FALSE(world.listener("a")->accepted);
  EXPECT_FALSE(world.listener("b")->accepted);
  EXPECT_TRUE(world.listener("b", "other")->accepted);
  EXPECT_TRUE(
      Says(world.problems(), {"error: Gateway gloo-system/a: bindPort: [::]:8080 is also the address of Gateway "
                              "gloo-system/b in proxy gateway-proxy"}));
  EXPECT_TRUE(Says(world.problems(), {"error: Gateway gloo-system/b: bindPort: ", "gloo-system/a"}));
  world.Delete(Kind::kGateway, "gloo-system", "b");
  EXPECT_TRUE(world.listener("a")->accepted);
  EXPECT_THAT(world.problems(), IsEmpty());
}

TEST(Listeners, GatewaysThatDoNotCountTakeNoAddress) {
  World world;
  world.Apply(kHttpGateway);
  world.Apply(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: foreign, namespace: team}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {}})");
  EXPECT_TRUE(world.listener("http")->accepted);
}

TEST(Listeners, AMissingRefIsAnErrorButTheOthersAreServed) {
  World world;
  world.Apply(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {virtualServices: [{name: a, namespace: default}, {name: "no", namespace: default}, {name: bare}]}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: a}
spec: {virtualHost: {domains: [a.com]}})");
  EXPECT_TRUE(world.listener("http")->accepted);
  EXPECT_THAT(world.hosts(), ElementsAre("http default.a"));
  EXPECT_THAT(world.problems(),
              ElementsAre("error: Gateway gloo-system/http: httpGateway.virtualServices[1]: there is no VirtualService "
                          "default/no: create it, or correct name and namespace",
                          "error: Gateway gloo-system/http: httpGateway.virtualServices[2]: there is no VirtualService "
                          "/bare: add its namespace"));
  world.Apply(R"(
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: "no"}
spec: {virtualHost: {domains: [no.com]}})");
  EXPECT_FALSE(Says(world.problems(), {"default/no"}));
  EXPECT_THAT(world.hosts(), ElementsAre("http default.a", "http default.no"));
}

TEST(Listeners, IsolationByAnnotationOrSettings) {
  World world;
  const auto gateway = [](const std::string& annotation) {
    return "\napiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {name: http, namespace: gloo-system, "
           "annotations: {" +
           annotation + "}}\nspec: {bindAddress: '::', bindPort: 8080, ssl: true, httpGateway: {}}\n";
  };
  world.Apply(gateway(""));
  EXPECT_FALSE(world.listener("http")->isolate_by_ssl_config);
  EXPECT_TRUE(world.listener("http")->ssl);
  world.Apply(gateway("gateway.solo.io/isolate_vhost: 'T'"));
  EXPECT_TRUE(world.listener("http")->isolate_by_ssl_config);
  world.Apply(R"(
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {gateway: {isolateVirtualHostsBySslConfig: true}})");
  world.Apply(gateway("gateway.solo.io/isolate_vhost: 'false'"));
  EXPECT_FALSE(world.listener("http")->isolate_by_ssl_config);
  world.Apply(gateway("gateway.solo.io/isolate_vhost: 'maybe'"));
  EXPECT_TRUE(world.listener("http")->isolate_by_ssl_config);
  EXPECT_TRUE(Says(world.problems(), {"warning", "metadata.annotations[\"gateway.solo.io/isolate_vhost\"]", "maybe"}));
}

TEST(Listeners, WordsAboutTheDivisionOfTables) {
  World world;
  const auto apply = [&](const std::string& word) {
    const std::string annotations = "annotations: {k8sgateway.io/route-shards: '" + word + "'}}\n";
    world.Apply("apiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {name: http, namespace: gloo-system, " +
                annotations + "spec: {bindAddress: '::', bindPort: 8080, httpGateway: {}}\n---\n" +
                "apiVersion: gloo.solo.io/v1\nkind: Settings\nmetadata: {name: default, namespace: gloo-system, " +
                annotations + "spec: {}\n");
  };
  for (const char* word : {"auto", "off", "2", "4096"}) {
    apply(word);
    EXPECT_FALSE(Says(world.problems(), {"route-shards"})) << word;
  }
  for (const char* word : {"1", "4097", "on", ""}) {
    apply(word);
    EXPECT_TRUE(Says(world.problems(), {"warning", "Gateway", "metadata.annotations[\"k8sgateway.io/route-shards\"]",
                                        "\"" + std::string(word) + "\""}));
    EXPECT_TRUE(Says(world.problems(), {"warning", "Settings", "\"" + std::string(word) + "\"", "has no effect"}));
  }
}

TEST(Settings, WarnsOfWhatHasNoEffect) {
  World world;
  world.Apply(R"(
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec:
  watchNamespaceSelectors: [{matchLabels: {a: b}}]
  gateway: {compressedProxySpec: true, alwaysSortRouteTableRoutes: true, persistProxySpec: true,
            enableGatewayController: false, validation: {warnRouteShortCircuiting: true, alwaysAccept: true}}
---
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: elsewhere}
spec: {})");
  std::vector<std::string> paths;
  for (const std::string& problem : world.problems()) paths.push_back(problem.substr(0, problem.find(": ", 40)));
  EXPECT_THAT(paths,
              UnorderedElementsAre("warning: Settings elsewhere/default: has no effect, as only the Settings "
                                   "gloo-system/default are in force",
                                   "warning: Settings gloo-system/default: gateway.alwaysSortRouteTableRoutes",
                                   "warning: Settings gloo-system/default: gateway.compressedProxySpec",
                                   "warning: Settings gloo-system/default: gateway.enableGatewayController",
                                   "warning: Settings gloo-system/default: gateway.persistProxySpec",
                                   "warning: Settings gloo-system/default: gateway.validation.warnRouteShortCircuiting",
                                   "warning: Settings gloo-system/default: watchNamespaceSelectors"));
}

TEST(Settings, OfAClusterWarnOfEachOptionOfValidationThatNobodyReads) {
  World world(SettingsKey{"gloo-system", Origin::kCluster});
  world.Apply(R"(
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec:
  discovery: {fdsMode: WHITELIST, udsOptions: {enabled: true}}
  gateway:
    validation: {alwaysAccept: false, allowWarnings: false, serverEnabled: true, fullEnvoyValidation: true,
                 warnMissingTlsSecret: true, validationServerGrpcMaxSizeBytes: 100, validationWebhookTlsCert: /tls.crt,
                 validationWebhookTlsKey: /tls.key, warnRouteShortCircuiting: true,
                 disableTransformationValidation: false, proxyValidationServerAddr: "gloo:9988"})");
  std::vector<std::string> paths;
  for (const std::string& problem : world.problems()) paths.push_back(problem.substr(0, problem.find(": ", 40)));
  const std::string place = "warning: Settings gloo-system/default: gateway.validation.";
  EXPECT_THAT(paths, UnorderedElementsAre(place + "warnRouteShortCircuiting", place + "disableTransformationValidation",
                                          place + "proxyValidationServerAddr"));
}

}  // namespace
}  // namespace k8sgw::gateway
