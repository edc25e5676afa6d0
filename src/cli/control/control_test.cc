#include "src/cli/control/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::cli {
namespace {

yaml::Node Parse(const std::string& text) {
  yaml::Stream stream = yaml::Parse(text);
  EXPECT_TRUE(stream.ok) << stream.error.message;
  return std::move(stream.documents.at(0));
}

TEST(CollectTexts, FindsThemOnceWhereverTheyStand) {
  EXPECT_THAT(
      CollectTexts(Parse("[{a: {rds: {routeConfigName: x}}}, {b: [{routeConfigName: y}, {routeConfigName: x}]}]"),
                   "routeConfigName"),
      ::testing::ElementsAre("x", "y"));
}

TEST(Redact, KeysAreNotShown) {
  yaml::Node node = Parse("listeners: [{tls: [{privateKey: {inlineString: secret}, certificateChain: c}]}]");
  Redact(node);
  EXPECT_EQ(yaml::EmitJson(node, 0),
            R"({"listeners": [{"tls": [{"privateKey": "[redacted]", "certificateChain": "c"}]}]})");
}

TEST(SectionsOf, AreThoseOfTheRole) {
  const yaml::Node page = Parse(R"(
data:
  a~b:
    Clusters: {Version: "1", Items: {c: {name: c}}}
    Endpoints: {Version: "1", Items: {}}
    Listeners: {Version: "2", Items: {l: {name: l}, m: {name: m}}}
error: ""
)");
  const auto sections = SectionsOf(page, "a~b");
  ASSERT_TRUE(sections.ok()) << sections.status();
  EXPECT_EQ(yaml::EmitJson(*sections, 0),
            R"({"clusters": [{"name": "c"}], "listeners": [{"name": "l"}, {"name": "m"}]})");
  EXPECT_EQ(SectionsOf(page, "a~c").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(SectionsOf(Parse("[]"), "a~b").ok());
}

TEST(ProxyObject, HasItsMetadataApart) {
  EXPECT_EQ(
      yaml::EmitJson(
          ProxyObject(
              Parse("{listeners: [], metadata: {name: p}, namespacedStatuses: {statuses: {n: {state: Accepted}}}}")),
          0),
      R"({"apiVersion": "gloo.solo.io/v1", "kind": "Proxy", "metadata": {"name": "p"}, "spec": {"listeners": []}, )"
      R"("status": {"statuses": {"n": {"state": "Accepted"}}}})");
}

}  // namespace
}  // namespace k8sgw::cli
