// The tree of reports: what stands where.
#include "src/proxy_validation/validate.h"

#include <gmock/gmock.h>

#include "src/proxy_validation/test_world.h"

namespace k8sgw::proxy_validation {
namespace {

using gloov1::GlooValidationServiceRequest;
using gloov1::GlooValidationServiceResponse;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Words(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += problem.ToString() + "\n";
  return text;
}

class ValidateTest : public ::testing::Test {
 protected:
  ValidateTest() { Apply(kGateway, pipeline); }

  GlooValidationServiceResponse Ask(const GlooValidationServiceRequest& request = {}) {
    const auto trial = ReadTrial(request);
    EXPECT_TRUE(trial.ok()) << trial.status();
    if (!trial.ok()) return {};
    const std::string before = Words(pipeline.problems());
    const uint64_t revision = pipeline.graph().revision();
    GlooValidationServiceResponse response = Validate(pipeline, request, *trial);
    EXPECT_EQ(Words(pipeline.problems()), before);
    EXPECT_EQ(pipeline.graph().revision(), revision);
    EXPECT_FALSE(pipeline.graph().speculating());
    return response;
  }
  const gloov1::ValidationReport& Only(const GlooValidationServiceRequest& request = {}) {
    last = Ask(request);
    EXPECT_EQ(last.validation_reports_size(), 1) << last.ShortDebugString();
    if (last.validation_reports().empty()) last.add_validation_reports();
    return last.validation_reports(0);
  }
  const gloov1::HttpListenerReport& Http(const GlooValidationServiceRequest& request = {}) {
    return Only(request).proxy_report().listener_reports(0).http_listener_report();
  }

  Pipeline pipeline{Pipeline::Options()};
  GlooValidationServiceResponse last;
};

TEST_F(ValidateTest, WithoutAProxyThereIsNoReport) {
  Pipeline empty{Pipeline::Options()};
  EXPECT_THAT(Validate(empty, {}, {}).validation_reports(), IsEmpty());
}

TEST_F(ValidateTest, TheReportHasTheShapeOfTheProxy) {
  Apply(Service("a", "a.com", kReply) + Service("b", "b.com", kReply), pipeline);
  const auto& report = Only();
  EXPECT_EQ(report.proxy().metadata().name(), "gateway-proxy");
  ASSERT_THAT(report.proxy().listeners(), SizeIs(1));
  ASSERT_THAT(report.proxy_report().listener_reports(), SizeIs(1));
  const auto& listener = report.proxy_report().listener_reports(0);
  EXPECT_THAT(listener.errors(), IsEmpty());
  ASSERT_THAT(listener.http_listener_report().virtual_host_reports(), SizeIs(2));
  for (const auto& host : listener.http_listener_report().virtual_host_reports()) {
    EXPECT_THAT(host.errors(), IsEmpty());
    ASSERT_THAT(host.route_reports(), SizeIs(1));
    EXPECT_EQ(host.route_reports(0).ByteSizeLong(), 0u);
  }
  EXPECT_THAT(report.upstream_reports(), IsEmpty());
}

TEST_F(ValidateTest, DeletingAnUpstreamInUseIsAWarningOfItsRoutes) {
  Apply(Upstream("u") + Service("a", "a.com", To("u")) + Service("b", "b.com", kReply), pipeline);
  const auto& hosts = Http(Deleting("u")).virtual_host_reports();
  ASSERT_THAT(hosts, SizeIs(2));
  ASSERT_THAT(hosts[0].route_reports(0).warnings(), SizeIs(1));
  const auto& warning = hosts[0].route_reports(0).warnings(0);
  EXPECT_EQ(warning.type(), gloov1::RouteReport::Warning::InvalidDestinationWarning);
  EXPECT_THAT(warning.reason(), AllOf(HasSubstr("VirtualService default/a: virtualHost.routes[0].routeAction"),
                                      HasSubstr("there is no Upstream default/u")));
  EXPECT_THAT(hosts[0].route_reports(0).errors(), IsEmpty());
  EXPECT_THAT(hosts[1].route_reports(0).warnings(), IsEmpty());
  // It was only tried.
  EXPECT_THAT(Http().virtual_host_reports(0).route_reports(0).warnings(), IsEmpty());
}

TEST_F(ValidateTest, ANewUpstreamMendsTheRoutesThatLeadThere) {
  Apply(Service("a", "a.com", To("u")), pipeline);
  EXPECT_THAT(Http().virtual_host_reports(0).route_reports(0).warnings(), SizeIs(1));
  EXPECT_THAT(Http(Modifying("u", "127.0.0.1")).virtual_host_reports(0).route_reports(0).warnings(), IsEmpty());
  ASSERT_THAT(last.validation_reports(0).upstream_reports(), SizeIs(1));
  const auto& upstream = last.validation_reports(0).upstream_reports(0);
  EXPECT_EQ(upstream.resource_ref().name(), "u");
  EXPECT_THAT(upstream.errors(), IsEmpty());
}

TEST_F(ValidateTest, WhatIsWrongWithAnUpstreamStandsInItsReport) {
  GlooValidationServiceRequest request = Modifying("u", "127.0.0.1");
  request.mutable_modified_resources()->mutable_upstreams(0)->mutable_static_()->mutable_hosts(0)->set_port(99999);
  ASSERT_THAT(Only(request).upstream_reports(), SizeIs(1));
  ASSERT_THAT(last.validation_reports(0).upstream_reports(0).errors(), SizeIs(1));
  EXPECT_THAT(last.validation_reports(0).upstream_reports(0).errors(0), HasSubstr("Upstream default/u: static.hosts"));
}

TEST_F(ValidateTest, DeletingWhatIsNotThereIsSaid) {
  ASSERT_THAT(Only(Deleting("nobody")).upstream_reports(), SizeIs(1));
  EXPECT_THAT(last.validation_reports(0).upstream_reports(0).warnings(0), HasSubstr("there is no such Upstream"));
}

TEST_F(ValidateTest, MatchersAndOtherErrorsOfRoutes) {
  Apply(Service("a", "a.com", kReply) + R"(
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: b, namespace: default}
spec:
  virtualHost:
    domains: [b.com]
    routes:
    - {matchers: [{prefix: /}], directResponseAction: {status: 200}}
    - {matchers: [{regex: "("}], directResponseAction: {status: 200}}
    - {matchers: [{prefix: /c}], directResponseAction: {status: 99}}
)",
        pipeline);
  const auto& host = Http().virtual_host_reports(1);
  ASSERT_THAT(host.route_reports(), SizeIs(3));
  EXPECT_THAT(host.route_reports(0).errors(), IsEmpty());
  ASSERT_THAT(host.route_reports(1).errors(), SizeIs(1));
  EXPECT_EQ(host.route_reports(1).errors(0).type(), gloov1::RouteReport::Error::InvalidMatcherError);
  ASSERT_THAT(host.route_reports(2).errors(), SizeIs(1));
  EXPECT_EQ(host.route_reports(2).errors(0).type(), gloov1::RouteReport::Error::ProcessingError);
  const auto& sources = host.route_reports(2).errors(0).metadata().sources();
  ASSERT_THAT(sources, SizeIs(1));
  EXPECT_EQ(sources[0].resource_kind(), "*v1.VirtualService");
  EXPECT_EQ(sources[0].resource_ref().name(), "b");
}

TEST_F(ValidateTest, ErrorsOfDomains) {
  Apply(Service("a", "a.com", kReply) + Service("b", "'a.com', ''", kReply) + Service("c", R"("c\n.com")", kReply),
        pipeline);
  std::vector<std::vector<gloov1::VirtualHostReport::Error::Type>> types;
  for (const auto& host : Http().virtual_host_reports()) {
    types.emplace_back();
    for (const auto& error : host.errors()) types.back().push_back(error.type());
  }
  using Error = gloov1::VirtualHostReport::Error;
  EXPECT_THAT(types, ElementsAre(IsEmpty(), ElementsAre(Error::DomainsNotUniqueError, Error::EmptyDomainError),
                                 ElementsAre(Error::ProcessingError)));
  // That it is the oldest of two is only a warning, for which virtual hosts have no place.
  ASSERT_THAT(last.validation_reports(0).proxy_report().listener_reports(0).http_listener_report().warnings(),
              SizeIs(1));
}

TEST_F(ValidateTest, OneAddressOfTwoGateways) {
  Apply(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: other, namespace: gloo-system}
spec: {bindAddress: "0:0::0", bindPort: 8080, httpGateway: {}}
)",
        pipeline);
  const auto& listeners = Only().proxy_report().listener_reports();
  ASSERT_THAT(listeners, SizeIs(2));
  for (const auto& listener : listeners) {
    ASSERT_THAT(listener.errors(), SizeIs(1));
    EXPECT_EQ(listener.errors(0).type(), gloov1::ListenerReport::Error::BindPortNotUniqueError);
  }
}

TEST_F(ValidateTest, TlsIsAMatterOfTheListener) {
  Apply(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: https, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8443, ssl: true, httpGateway: {}}
)" + Service("a", "a.com", kReply, "sslConfig: {secretRef: {name: none, namespace: default}}, "),
        pipeline);
  const auto& listener = Only().proxy_report().listener_reports(1);
  ASSERT_EQ(listener.errors_size() + listener.warnings_size(), 1) << listener.ShortDebugString();
  if (listener.errors_size() == 1) {
    EXPECT_EQ(listener.errors(0).type(), gloov1::ListenerReport::Error::SSLConfigError);
  }
}

TEST_F(ValidateTest, WhatSeveralRoutesShareStandsAtEach) {
  Apply(R"(
apiVersion: gloo.solo.io/v1
kind: UpstreamGroup
metadata: {name: g, namespace: default}
spec: {destinations: [{destination: {upstream: {name: gone, namespace: default}}, weight: 1}]}
---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: t, namespace: default}
spec: {routes: [{matchers: [{prefix: /x}], directResponseAction: {status: 99}}]}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  virtualHost:
    domains: [a.com]
    routes:
    - {matchers: [{prefix: /g}], routeAction: {upstreamGroup: {name: g, namespace: default}}}
    - {matchers: [{prefix: /x}], delegateAction: {ref: {name: t, namespace: default}}}
    - {matchers: [{prefix: /}], routeAction: {upstreamGroup: {name: g, namespace: default}}}
)",
        pipeline);
  const auto& host = Http().virtual_host_reports(0);
  ASSERT_THAT(host.route_reports(), SizeIs(3));
  EXPECT_THAT(host.errors(), IsEmpty());
  EXPECT_THAT(host.route_reports(0).warnings(), SizeIs(1));
  EXPECT_THAT(host.route_reports(2).warnings(), SizeIs(1));
  ASSERT_THAT(host.route_reports(1).errors(), SizeIs(1));
  EXPECT_EQ(host.route_reports(1).errors(0).metadata().sources(0).resource_kind(), "*v1.RouteTable");
}

TEST_F(ValidateTest, OptionsThatWereTakenFromElsewhere) {
  Apply(R"(
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: o, namespace: default}
spec: {options: {regexRewrite: {pattern: {regex: "("}, substitution: x}}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  virtualHost:
    domains: [a.com]
    routes:
    - {matchers: [{prefix: /a}], directResponseAction: {status: 200}}
    - matchers: [{prefix: /}]
      routeAction: {single: {upstream: {name: u, namespace: default}}}
      optionsConfigRefs: {delegateOptions: [{name: o, namespace: default}]}
)" + Upstream("u"),
        pipeline);
  const auto& host = Http().virtual_host_reports(0);
  EXPECT_THAT(host.route_reports(0).errors(), IsEmpty());
  ASSERT_THAT(host.route_reports(1).errors(), SizeIs(1)) << host.ShortDebugString();
  EXPECT_THAT(host.route_reports(1).errors(0).reason(), HasSubstr("RouteOption default/o"));
}

TEST_F(ValidateTest, IsolatedVirtualHostsStandBelowTheirChains) {
  Apply(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: https, namespace: gloo-system, annotations: {gateway.solo.io/isolate_vhost: "true"}}
spec: {bindAddress: "::", bindPort: 8443, ssl: true, httpGateway: {}}
)" +
            Service("a", "a.com", "directResponseAction: {status: 99}",
                    "sslConfig: {secretRef: {name: x, namespace: default}}, ") +
            Service("b", "b.com", kReply, "sslConfig: {secretRef: {name: y, namespace: default}}, "),
        pipeline);
  const auto& listener = Only().proxy_report().listener_reports(1);
  const auto& chains = listener.aggregate_listener_report().http_listener_reports();
  ASSERT_THAT(chains, SizeIs(2)) << listener.ShortDebugString();
  int errors = 0;
  for (const auto& [name, http] : chains) {
    EXPECT_THAT(name, HasSubstr("listener-::-8443-routes-"));
    ASSERT_THAT(http.virtual_host_reports(), SizeIs(1));
    errors += http.virtual_host_reports(0).route_reports(0).errors_size();
  }
  EXPECT_EQ(errors, 1);
}

TEST_F(ValidateTest, AProxyLikeOursIsValidatedInItsOrder) {
  Apply(Upstream("u") + Service("a", "a.com", To("u")) + Service("b", "b.com", kReply), pipeline);
  GlooValidationServiceRequest request = Deleting("u");
  *request.mutable_proxy() = Only().proxy();
  auto& hosts = *request.mutable_proxy()->mutable_listeners(0)->mutable_http_listener()->mutable_virtual_hosts();
  hosts.SwapElements(0, 1);
  hosts[0].clear_opaque_metadata();
  const auto& http = Http(request);
  EXPECT_THAT(last.validation_reports(0).proxy_report().listener_reports(0).errors(), IsEmpty());
  EXPECT_THAT(http.virtual_host_reports(0).route_reports(0).warnings(), IsEmpty());
  EXPECT_THAT(http.virtual_host_reports(1).route_reports(0).warnings(), SizeIs(1));
  EXPECT_EQ(last.validation_reports(0).proxy().SerializeAsString(), request.proxy().SerializeAsString());
}

TEST_F(ValidateTest, OfAProxyThatSomebodyChangedThePartsThatDifferAreRefused) {
  Apply(Service("a", "a.com", kReply) + Service("b", "b.com", kReply), pipeline);
  GlooValidationServiceRequest request;
  *request.mutable_proxy() = Only().proxy();
  auto& listener = *request.mutable_proxy()->mutable_listeners(0);
  listener.mutable_http_listener()->mutable_virtual_hosts(1)->add_domains("c.com");
  const auto& http = Http(request);
  EXPECT_THAT(http.virtual_host_reports(0).errors(), IsEmpty());
  ASSERT_THAT(http.virtual_host_reports(1).errors(), SizeIs(1));
  EXPECT_THAT(http.virtual_host_reports(1).errors(0).reason(),
              AllOf(HasSubstr("Proxy gloo-system/gateway-proxy"), HasSubstr("differs")));
  listener.set_bind_port(1);
  const auto& report = Only(request).proxy_report().listener_reports(0);
  ASSERT_THAT(report.errors(), SizeIs(1));
  EXPECT_EQ(report.errors(0).type(), gloov1::ListenerReport::Error::ProcessingError);
}

TEST_F(ValidateTest, AProxyOfOthersIsRefusedAndSaysWhy) {
  Apply(Service("a", "a.com", kReply), pipeline);
  GlooValidationServiceRequest request;
  *request.mutable_proxy() = Only().proxy();
  request.mutable_proxy()->mutable_metadata()->set_name("mine");
  request.mutable_proxy()->add_listeners()->mutable_tcp_listener();
  const auto& listeners = Only(request).proxy_report().listener_reports();
  ASSERT_THAT(listeners, SizeIs(2));
  for (const auto& listener : listeners) {
    ASSERT_THAT(listener.errors(), SizeIs(1));
    EXPECT_EQ(listener.errors(0).type(), gloov1::ListenerReport::Error::ProcessingError);
    EXPECT_THAT(listener.errors(0).reason(), HasSubstr("no Gateway here makes this Proxy"));
  }
}

TEST(ReadTrial, SaysWhatItCannotUse) {
  const auto error = [](const GlooValidationServiceRequest& request) {
    const auto trial = ReadTrial(request);
    EXPECT_EQ(trial.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(trial.status().message());
  };
  EXPECT_THAT(error(Deleting("")), HasSubstr("deleted_resources.upstream_refs[0]"));
  EXPECT_THAT(error(Modifying("Not_A_Name", "h")), AllOf(HasSubstr("upstreams[0]"), HasSubstr("no name of an object")));
  EXPECT_THAT(error(Modifying("u", std::string(2'000'000, 'x'))), HasSubstr("bytes"));
  GlooValidationServiceRequest many;
  for (int i = 0; i <= kMostObjects; ++i) many.mutable_deleted_resources()->add_secret_refs()->set_name("s");
  EXPECT_THAT(error(many), HasSubstr("more than 1000"));
}

TEST(ReadTrial, WhatTheStorageNotesIsNoMatter) {
  GlooValidationServiceRequest request = Modifying("u", "127.0.0.1");
  auto& metadata = *request.mutable_modified_resources()->mutable_upstreams(0)->mutable_metadata();
  metadata.set_resource_version("12");
  metadata.set_cluster("c");
  metadata.set_generation(7);
  metadata.add_owner_references()->set_name("o");
  (*metadata.mutable_labels())["a"] = "b";
  const auto trial = ReadTrial(request);
  ASSERT_TRUE(trial.ok()) << trial.status();
  const auto object = trial->changes[0].As<gloov1::Upstream>();
  EXPECT_EQ(object->labels.at("a"), "b");
  EXPECT_EQ(object->generation, 7);
}

}  // namespace
}  // namespace k8sgw::proxy_validation
