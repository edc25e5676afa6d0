// The published Proxy, from parts that a Translation made.
#include "src/proxy/assemble.h"

#include <gmock/gmock.h>

#include "api/core/v1/metadata.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/ssl.proto.h"
#include "plugins/health_check/health_check.proto.h"
#include "src/gateway/test_world.h"

namespace k8sgw::gateway {
namespace {

using ::testing::ElementsAre;

std::vector<gloov1::Proxy> Assemble(const World& world) {
  std::map<proxy::VirtualHostKey, Ptr<proxy::VirtualHost>> hosts;
  world.translation.virtual_hosts().ForEach([&](const auto& key, const auto& host) { hosts.emplace(key, host); });
  return proxy::AssembleProxies(world.translation.listeners(), world.translation.bindings(), hosts);
}

constexpr char kObjects[] = R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: https, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8443, ssl: true, httpGateway: {options: {healthCheck: {path: /ok}}}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: b}
spec: {virtualHost: {domains: [b.com]}, sslConfig: {secretRef: {name: s}, sniDomains: [b.com]}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: a}
spec: {virtualHost: {domains: [a.com]}, sslConfig: {secretRef: {name: s}, sniDomains: [a.com]}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: plain}
spec: {virtualHost: {domains: [a.com]}}
)";

TEST(AssembleProxies, HttpListeners) {
  World world;
  world.Apply(std::string(kHttpGateway) + "---" + kObjects);
  const auto proxies = Assemble(world);
  ASSERT_EQ(proxies.size(), 1u);
  EXPECT_EQ(proxies[0].metadata().name(), "gateway-proxy");
  EXPECT_EQ(proxies[0].metadata().namespace_(), "gloo-system");
  EXPECT_EQ(proxies[0].metadata().labels().at("created_by"), "gloo-gateway");
  ASSERT_EQ(proxies[0].listeners_size(), 2);
  const auto& http = proxies[0].listeners(0);
  const auto& https = proxies[0].listeners(1);
  EXPECT_EQ(http.name(), "listener-::-8080");
  EXPECT_EQ(http.ssl_configurations_size(), 0);
  ASSERT_EQ(http.http_listener().virtual_hosts_size(), 1);
  EXPECT_EQ(https.http_listener().options().health_check().path(), "/ok");
  ASSERT_EQ(https.http_listener().virtual_hosts_size(), 2);
  EXPECT_EQ(https.http_listener().virtual_hosts(0).name(), "default.a");
  ASSERT_EQ(https.ssl_configurations_size(), 1);
  EXPECT_THAT(https.ssl_configurations(0).sni_domains(), ElementsAre("a.com", "b.com"));
}

TEST(AssembleProxies, AggregateListenersWhenIsolated) {
  World world;
  world.Apply(std::string(kObjects) + R"(---
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {gateway: {isolateVirtualHostsBySslConfig: true}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: c}
spec: {virtualHost: {domains: [a.com]}, sslConfig: {secretRef: {name: t}}})");
  const auto proxies = Assemble(world);
  ASSERT_EQ(proxies.size(), 1u);
  const auto& listener = proxies[0].listeners(0);
  ASSERT_TRUE(listener.has_aggregate_listener());
  const auto& aggregate = listener.aggregate_listener();
  EXPECT_EQ(aggregate.http_resources().virtual_hosts_size(), 3);
  ASSERT_EQ(aggregate.http_filter_chains_size(), 2);
  std::vector<int> sizes;
  for (const auto& chain : aggregate.http_filter_chains()) {
    sizes.push_back(chain.virtual_host_refs_size());
    EXPECT_EQ(aggregate.http_resources().http_options().at(chain.http_options_ref()).health_check().path(), "/ok");
    EXPECT_TRUE(chain.matcher().has_ssl_config());
  }
  std::sort(sizes.begin(), sizes.end());
  EXPECT_THAT(sizes, ElementsAre(1, 2));
}

}  // namespace
}  // namespace k8sgw::gateway
