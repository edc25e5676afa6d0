// The real Envoy about changes: pieces that no translation here would make, as it refuses them first.

#include "src/validation/change_check.h"

#include <gmock/gmock.h>
#include <google/protobuf/duration.pb.h>

#include <cstdlib>

#include "envoy/config/cluster/v3/cluster.proto.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "envoy/type/matcher/v3/regex.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/envoy/resource.h"
#include "src/model/decode.h"

namespace k8sgw::golden {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using validation::Pieces;

std::string Service(const std::string& name) {
  return Cat("---\napiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: ", name,
             ", namespace: default}\nspec: {virtualHost: {domains: [", name,
             ".com], routes: [{matchers: [{prefix: /}], routeAction: {single: {upstream: {name: u, namespace: "
             "default}}}}]}}\n");
}

class ChangeCheckTest : public ::testing::Test {
 protected:
  ChangeCheckTest() {
    Apply(Cat(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {}}
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: u, namespace: default}
spec: {static: {hosts: [{addr: 127.0.0.1, port: 80}]}}
)",
              Service("a"), Service("b")));
    before = std::make_shared<const Pieces>(validation::TakePieces(pipeline));
    const char* path = std::getenv("K8SGATEWAY_ENVOY");
    if (path) call.envoy = path;
  }

  void SetUp() override {
    if (call.envoy.empty()) GTEST_SKIP() << "K8SGATEWAY_ENVOY names no Envoy";
  }
  void Apply(const std::string& text) {
    for (const yaml::Node& document : yaml::Parse(text).documents) {
      for (const Change& change : DecodeKubernetes(document, "default").objects) pipeline.Stage(change);
    }
    pipeline.Commit();
  }
  Problems Ask(const Pieces& with) {
    return validation::AskAboutChange({std::make_shared<const Pieces>(with), before}, call);
  }
  // The last virtual host with a change in Envoy's words.
  template <class Edit>
  static void EditHost(Pieces& pieces, const Edit& edit) {
    Pieces::Host& last = pieces.hosts.back();
    auto host = std::make_shared<envoy::VirtualHost>(*last.served->host);
    ::envoy::config::route::v3::RouteConfiguration alone;
    ASSERT_TRUE(alone.ParseFromString(*host->bytes));
    edit(*alone.mutable_virtual_hosts(0));
    host->bytes = std::make_shared<const std::string>(SerializeDeterministic(alone));
    last.served = std::make_shared<const envoy::ServedVirtualHost>(envoy::ServedVirtualHost{host});
  }

  Pipeline pipeline{Pipeline::Options()};
  std::shared_ptr<const Pieces> before;
  validation::EnvoyCall call;
};

TEST_F(ChangeCheckTest, AGoodChangeIsAccepted) {
  Apply(Service("c"));
  const Pieces with = validation::TakePieces(pipeline);
  EXPECT_THAT(validation::NewPieces(with, *before).hosts, SizeIs(1));
  EXPECT_THAT(validation::NewPieces(with, *before).clusters, IsEmpty());
  EXPECT_THAT(Ask(with), IsEmpty());
}

TEST_F(ChangeCheckTest, ABadRouteIsFoundByItsObject) {
  Pieces with = *before;
  EditHost(with, [](auto& host) { host.mutable_routes(0)->mutable_match()->mutable_safe_regex()->set_regex("("); });
  const Problems problems = Ask(with);
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0].ToString(),
              AllOf(HasSubstr("error: VirtualService default/b: virtualHost.routes[0]: Envoy refuses it"),
                    HasSubstr("missing )")));
}

TEST_F(ChangeCheckTest, ABadClusterIsFoundByItsObject) {
  Pieces with = *before;
  auto cluster = envoy::Parse<::envoy::config::cluster::v3::Cluster>(*with.clusters.back().second);
  cluster.mutable_connect_timeout()->set_seconds(-1);
  with.clusters.back().second = envoy::MakeResource(xds::Type::kCluster, cluster.name(), cluster);
  const Problems problems = Ask(with);
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0].ToString(), HasSubstr("Upstream default/u"));
}

TEST_F(ChangeCheckTest, WhatIsOnlyRefusedTogetherIsToldAsAWhole) {
  Pieces with = *before;
  // The domain that the other virtual host has.
  EditHost(with, [](auto& host) { host.set_domains(0, "a.com"); });
  const Problems problems = Ask(with);
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].severity, Severity::kError);
  EXPECT_THAT(problems[0].message, AllOf(HasSubstr("with this change"), HasSubstr("a.com")));
}

TEST_F(ChangeCheckTest, WhatWasRefusedBeforeIsAWarning) {
  Pieces bad = *before;
  EditHost(bad, [](auto& host) { host.set_domains(0, "a.com"); });
  before = std::make_shared<const Pieces>(bad);
  const Problems problems = Ask(bad);
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].severity, Severity::kWarning);
}

TEST_F(ChangeCheckTest, ATimeThatIsOverIsAnError) {
  call.until = std::chrono::steady_clock::now();
  const Problems problems = Ask(*before);
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].severity, Severity::kError);
  EXPECT_THAT(problems[0].message, HasSubstr("took too long"));
}

}  // namespace
}  // namespace k8sgw::golden
