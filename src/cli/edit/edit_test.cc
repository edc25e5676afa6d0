#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/cluster/object.h"
#include "src/cli/edit/make.h"
#include "src/cli/edit/route.h"

namespace k8sgw::cli {
namespace {

using ::testing::HasSubstr;

std::string Json(const yaml::Node& node) { return yaml::EmitJson(node, 0); }

TEST(MakeRoute, SaysWhatTheFlagsSay) {
  RouteRequest request;
  request.path_prefix = "/api";
  request.methods = {"GET"};
  request.headers = {"x-user=ada", "x-any"};
  request.upstream = {"default", "petstore"};
  request.prefix_rewrite = "/";
  const auto route = MakeRoute(request);
  ASSERT_TRUE(route.ok()) << route.status();
  EXPECT_EQ(
      Json(*route),
      R"({"matchers": [{"prefix": "/api", "methods": ["GET"], "headers": [{"name": "x-user", "value": "ada"}, )"
      R"({"name": "x-any"}]}], "routeAction": {"single": {"upstream": {"name": "petstore", "namespace": "default"}}}, )"
      R"("options": {"prefixRewrite": "/"}})");
}

TEST(MakeRoute, LeadsToOnePlaceByOnePath) {
  EXPECT_THAT(std::string(MakeRoute({}).status().message()), HasSubstr("--dest-name"));
  RouteRequest both;
  both.upstream.name = both.delegate.name = "x";
  EXPECT_FALSE(MakeRoute(both).ok());
  RouteRequest paths;
  paths.delegate.name = "x";
  EXPECT_EQ(Json(*MakeRoute(paths)), R"({"matchers": [{"prefix": "/"}], "delegateAction": {"ref": {"name": "x"}}})");
  paths.path_exact = paths.path_regex = "/a";
  EXPECT_THAT(std::string(MakeRoute(paths).status().message()), HasSubstr("one path"));
}

TEST(InsertRoute, HasItsPlace) {
  yaml::Node object = MakeMap();
  const std::vector<std::string> path = {"spec", "virtualHost", "routes"};
  for (const auto& [name, index] : {std::pair("a", 0), std::pair("b", 9), std::pair("c", 1)})
    InsertRoute(object, path, MakeText(name), static_cast<size_t>(index));
  EXPECT_EQ(Json(object), R"({"spec": {"virtualHost": {"routes": ["a", "c", "b"]}}})");
}

TEST(MakeUpstream, OfHosts) {
  EXPECT_EQ(Json(*At(*MakeStaticUpstream({"ns", "a"}, {"a.test", "[::1]:81"}, true), {"spec"})),
            R"({"static": {"hosts": [{"addr": "a.test", "port": 80}, {"addr": "::1", "port": 81}], "useTls": true}})");
  for (const char* bad : {"a:0", "a:x", ":80", "a:70000"})
    EXPECT_THAT(std::string(MakeStaticUpstream({"ns", "a"}, {bad}, false).status().message()), HasSubstr("HOST:PORT"));
}

TEST(MakeUpstream, OfAService) {
  EXPECT_EQ(Json(*At(*MakeKubeUpstream({"ns", "a"}, {"web", "shop", 8080, {"app=x"}}), {"spec", "kube"})),
            R"({"serviceName": "shop", "serviceNamespace": "web", "servicePort": 8080, "selector": {"app": "x"}})");
  EXPECT_FALSE(MakeKubeUpstream({"ns", "a"}, {}).ok());
}

TEST(MakeUpstreamGroup, OfWeights) {
  EXPECT_EQ(Json(*At(*MakeUpstreamGroup({"ns", "g"}, {"default.a=1"}), {"spec", "destinations"})),
            R"([{"destination": {"upstream": {"name": "a", "namespace": "default"}}, "weight": 1}])");
  for (const char* bad : {"a=1", "ns.a", "ns.a=", "ns.a=x", ".a=1", "ns.=1"})
    EXPECT_FALSE(MakeUpstreamGroup({"ns", "g"}, {bad}).ok()) << bad;
}

TEST(MakeTlsSecret, RefusesWhatIsNoPair) { EXPECT_FALSE(MakeTlsSecret({"ns", "s"}, "x", "y", "").ok()); }

}  // namespace
}  // namespace k8sgw::cli
