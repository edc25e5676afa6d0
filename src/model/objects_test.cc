// Kinds, keys, problems and changes.
#include "src/model/objects.h"

#include <gtest/gtest.h>

#include <set>

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
#include "src/model/custom_resources.h"
#include "src/model/inputs.h"

namespace k8sgw {
namespace {

TEST(Kinds, AreFoundByBothNames) {
  std::set<std::string_view> plurals;
  for (const KindInfo& info : AllKinds()) {
    EXPECT_EQ(FindKind(KindName(info.kind)), &info);
    EXPECT_EQ(FindPlural(info.plural), &info);
    EXPECT_TRUE(plurals.insert(info.plural).second);
  }
  EXPECT_EQ(FindKind("ConfigMap")->kind, Kind::kArtifact);
  EXPECT_EQ(FindPlural("configmaps")->kind, Kind::kArtifact);
  EXPECT_EQ(FindKind("virtualservice"), nullptr);
  EXPECT_EQ(FindKind("Ingress"), nullptr);
  EXPECT_EQ(FindPlural(""), nullptr);
}

TEST(Problems, AreSortedOnceEach) {
  const ResourceKey a{Kind::kUpstream, "default", "a"};
  const ResourceKey b{Kind::kGateway, "default", "b"};
  const Problem wrong{a, Severity::kError, "static", "wrong", "mend it"};
  const Problem odd{a, Severity::kWarning, "static", "odd", ""};
  const Problem other{b, Severity::kWarning, "", "x", ""};
  Problems problems = {odd, wrong, other, wrong, odd};
  Normalize(problems);
  EXPECT_EQ(problems, (Problems{other, wrong, odd}));
  Problems reversed = {other, wrong, odd, odd};
  Normalize(reversed);
  EXPECT_EQ(problems, reversed);
  EXPECT_TRUE(HasErrors(problems));
  EXPECT_FALSE(HasErrors({odd, other}));
  EXPECT_FALSE(HasErrors({}));
  EXPECT_EQ(wrong.ToString(), "error: Upstream default/a: static: wrong: mend it");
  EXPECT_EQ(other.ToString(), "warning: Gateway default/b: x");
  EXPECT_EQ((Problem{{}, Severity::kError, "", "no YAML", "mend it"}).ToString(), "error: no YAML: mend it");
}

TEST(Changes, KnowWhetherTheObjectIsGone) {
  auto object = std::make_shared<Object<gloov1::Upstream>>();
  Change change({Kind::kUpstream, "default", "a"}, Ptr<Object<gloov1::Upstream>>(object));
  EXPECT_FALSE(change.gone());
  EXPECT_EQ(change.As<gloov1::Upstream>(), object);
  const Change copy = change;
  change.SetGone();
  EXPECT_TRUE(change.gone());
  EXPECT_EQ(change.As<gloov1::Upstream>(), nullptr);
  EXPECT_FALSE(copy.gone());
  EXPECT_TRUE(Change().gone());
}

TEST(Kinds, AllThatArePublishedAreRead) {
  for (const CustomResource& resource : AllCustomResources()) {
    const KindInfo* info = FindKind(resource.kind);
    ASSERT_NE(info, nullptr) << resource.kind;
    EXPECT_EQ(info->api_version, resource.api_version);
    EXPECT_EQ(FindPlural(resource.plural), info);
  }
}

TEST(Inputs, TakeTheirKinds) {
  flow::Graph graph;
  Inputs inputs(graph);
  auto object = std::make_shared<Object<gloov1::Upstream>>();
  object->ref = {"default", "a"};
  object->hash = 1;
  EXPECT_TRUE(inputs.Stage(Change({Kind::kUpstream, "default", "a"}, Ptr<Object<gloov1::Upstream>>(object))));
  graph.Commit();
  EXPECT_EQ(inputs.upstreams.Get({"default", "a"}), object);
  EXPECT_EQ(inputs.upstreams.Get({"default", "b"}), nullptr);
  EXPECT_TRUE(inputs.Stage(Change({Kind::kUpstream, "default", "a"}, std::monostate())));
  graph.Commit();
  EXPECT_EQ(inputs.upstreams.Get({"default", "a"}), nullptr);
  EXPECT_FALSE(inputs.Stage(Change({Kind::kListenerOption, "default", "a"}, std::monostate())));
}

}  // namespace
}  // namespace k8sgw
