#include "src/cmd/gloo_metrics.h"

#include <gmock/gmock.h>

#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/matchable_http_gateway.proto.h"
#include "api/gateway/v1/matchable_tcp_gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/metrics/names.h"
#include "src/model/decode.h"

namespace k8sgw {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kGateway[] =
    "{apiVersion: gateway.solo.io/v1, kind: Gateway, metadata: {name: gw, namespace: gloo-system}, "
    "spec: {bindAddress: '::', bindPort: 8080, httpGateway: {}}}";
constexpr char kReplace[] =
    "{apiVersion: gloo.solo.io/v1, kind: Settings, metadata: {name: default, namespace: gloo-system}, "
    "spec: {gloo: {invalidConfigPolicy: {replaceInvalidRoutes: true}}}}";

std::string Upstream(const std::string& name, const std::string& address) {
  return Cat("{apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: ", name,
             ", namespace: shop}, spec: {static: {hosts: [", address, "]}}}");
}

// A VirtualService with this list of routes.
std::string Service(const std::string& routes) {
  return Cat("{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: vs, namespace: shop}, ",
             "spec: {virtualHost: {domains: ['*'], routes: [", routes, "]}}}");
}

std::string To(const std::string& upstream) {
  return Cat("{matchers: [{prefix: /", upstream, "}], routeAction: {single: {upstream: {name: ", upstream,
             ", namespace: shop}}}}");
}

constexpr char kGood[] = "{addr: 127.0.0.1, port: 1}";
constexpr char kTable[] = "{proxy_name=\"gateway-proxy\",route_config_name=\"listener-::-8080-routes\"} ";

class GlooMetricsTest : public testing::Test {
 protected:
  GlooMetricsTest() { Apply({kGateway}); }

  static ControlPlaneOptions Options(metrics::Registry& registry) {
    ControlPlaneOptions options;
    options.on_changes = [&registry](const std::vector<Change>& changes) { AddChanges(changes, registry); };
    return options;
  }

  void Apply(const std::vector<std::string>& texts) {
    std::vector<Change> changes;
    for (const std::string& text : texts) {
      const yaml::Stream stream = yaml::Parse(text);
      ASSERT_TRUE(stream.ok) << stream.error.message << text;
      for (const Change& change : DecodeKubernetes(stream.documents.at(0), "default").objects) {
        changes.push_back(change);
      }
    }
    control.Apply(changes, {});
  }

  std::string Text() {
    SetMetrics(control, {}, true, registry);
    return registry.Text();
  }

  EventLoop loop;
  metrics::Registry registry{metrics::kGloo};
  ControlPlane control{Options(registry), loop, [](const Problem&) { return std::string(); }};
};

TEST_F(GlooMetricsTest, UpstreamsThatWereNeverGoodAreLeftOut) {
  const std::string removed = "gloo_solo_io_sanitizer_upstreams_removed{proxy_name=\"gateway-proxy\"} ";
  Apply({Upstream("a", kGood), Upstream("b", "{addr: 127.0.0.1, port: 70000}"), Upstream("c", "")});
  EXPECT_THAT(Text(), HasSubstr(removed + "2\n"));
  // Its last good version is served.
  Apply({Upstream("a", "{addr: 127.0.0.1, port: 70000}"), Upstream("b", kGood)});
  EXPECT_THAT(Text(), HasSubstr(removed + "1\n"));
}

TEST_F(GlooMetricsTest, RoutesAreReplacedWhenSettingsSaySo) {
  const std::string replaced = std::string("gloo_solo_io_sanitizer_routes_replaced") + kTable;
  Apply({Upstream("a", kGood), Service(To("a") + ", " + To("b"))});
  EXPECT_THAT(Text(), HasSubstr(replaced + "0\n"));
  Apply({kReplace});
  EXPECT_THAT(Text(), HasSubstr(replaced + "1\n"));
  // Each destination counts; a route of which nobody knows for which requests it is is left out.
  const std::string weighted =
      "{matchers: [{prefix: /}], routeAction: {multi: {destinations: ["
      "{weight: 1, destination: {upstream: {name: b, namespace: shop}}}, "
      "{weight: 1, destination: {upstream: {name: a, namespace: shop}}}]}}}";
  Apply(
      {Service(Cat(To("b"), ", ", weighted,
                   ", {matchers: [{prefix: /, headers: [{value: nameless}]}], directResponseAction: {status: 200}}"))});
  EXPECT_THAT(Text(), HasSubstr(replaced + "3\n"));
  Apply({Service(To("a"))});
  EXPECT_THAT(Text(), HasSubstr(replaced + "0\n"));
}

TEST_F(GlooMetricsTest, AProxyHasAStatusWhileSomethingIsWrongInIt) {
  const std::string status =
      "validation_gateway_solo_io_proxy_config_status{namespace=\"gloo-system\",name=\"gateway-proxy\"} 1\n";
  Apply({Upstream("a", kGood), Service(To("a"))});
  EXPECT_THAT(Text(), Not(HasSubstr(status)));
  Apply({Service(To("b"))});
  EXPECT_THAT(Text(), HasSubstr(status));
  Apply({Service(To("a"))});
  EXPECT_THAT(Text(), Not(HasSubstr(status)));
}

TEST_F(GlooMetricsTest, KindsThatCannotBeFollowedAreNamed) {
  GlooAdmin::Facts facts;
  facts.absent_kinds = {{{"secrets", true}, 2}, {{"ratelimitconfigs", false}, 1}};
  facts.discovery_problems = 3;
  SetMetrics(control, facts, true, registry);
  EXPECT_THAT(registry.Text(), HasSubstr("k8sgateway_absent_kinds{kind=\"secrets\",reason=\"forbidden\"} 2\n"));
  EXPECT_THAT(registry.Text(), HasSubstr("k8sgateway_absent_kinds{kind=\"ratelimitconfigs\",reason=\"missing\"} 1\n"));
  EXPECT_THAT(registry.Text(), HasSubstr("k8sgateway_discovery_problems 3\n"));
  EXPECT_THAT(Text(), Not(HasSubstr("k8sgateway_absent_kinds{")));
}

// What is told of a Proxy stands under one name in all that tells of it.
TEST_F(GlooMetricsTest, AProxyHasOneName) {
  Apply({Upstream("a", kGood), Service(To("a"))});
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("k8sgateway_proxy_streams{proxy_name=\"gateway-proxy\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("translator_resources{proxy_name=\"gateway-proxy\",resource=\"listeners\"} 1\n"));
  for (const metrics::Family* family : metrics::kGloo)
    EXPECT_THAT(family->labels, Not(testing::AnyOf("proxy", "role")));
}

TEST_F(GlooMetricsTest, CertificatesAreToldApart) {
  const std::string ends = "k8sgateway_certificate_expiry_timestamp_seconds{certificate=";
  admission::Counters webhook;
  webhook.certificate_ends = 5;
  GlooAdmin::Facts facts;
  facts.webhook = &webhook;
  facts.mtls_certificate_ends = 7;
  SetMetrics(control, facts, true, registry);
  EXPECT_THAT(registry.Text(), HasSubstr(ends + "\"webhook\"} 5\n"));
  EXPECT_THAT(registry.Text(), HasSubstr(ends + "\"mtls\"} 7\n"));
  // One that is not there does not end in 1970.
  EXPECT_THAT(Text(), Not(HasSubstr(ends)));
}

TEST_F(GlooMetricsTest, WhatComesIsCounted) {
  const std::string in = "api_gloosnapshot_gloo_solo_io_emitter_resources_in";
  Apply({Upstream("a", kGood), Upstream("b", kGood), Service(To("a"))});
  Apply({Upstream("a", kGood)});
  control.Apply({}, {});
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr(in + "{namespace=\"gloo-system\",resource=\"gateway\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(in + "{namespace=\"shop\",resource=\"upstream\"} 3\n"));
  EXPECT_THAT(text, HasSubstr(in + "{namespace=\"shop\",resource=\"virtual_service\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("api_gloosnapshot_gloo_solo_io_emitter_snap_in 3\n"));
}

}  // namespace
}  // namespace k8sgw
