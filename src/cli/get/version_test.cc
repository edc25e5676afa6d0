#include "src/cli/get/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::cli {
namespace {

using ::testing::HasSubstr;

TEST(ParseImage, TakesReferencesApart) {
  EXPECT_EQ(ParseImage("quay.io/solo-io/gloo:1.0"), (Image{"quay.io/solo-io", "gloo", "1.0"}));
  EXPECT_EQ(ParseImage("localhost:5000/gloo"), (Image{"localhost:5000", "gloo", ""}));
  EXPECT_EQ(ParseImage("gloo:1"), (Image{"", "gloo", "1"}));
  EXPECT_EQ(ParseImage("a/b:1@sha256:ff"), (Image{"a", "b", "sha256:ff"}));
  EXPECT_EQ(ParseImage(""), (Image{"", "", ""}));
}

TEST(Version, ShowsWhatRuns) {
  const yaml::Stream stream = yaml::Parse(R"(
metadata: {name: gloo, namespace: gloo-system}
spec: {template: {spec: {containers: [{image: "example.com/k8sgateway:1.18.0"}, {image: "example.com/sds:1.18.0"}]}}}
)");
  EXPECT_THAT(RenderVersion("1.18.1", stream.documents),
              ::testing::AllOf(HasSubstr("Client version: 1.18.1\n"), HasSubstr("| gloo-system | Gateway "),
                               HasSubstr("k8sgateway: 1.18.0"), HasSubstr("sds: 1.18.0")));
  EXPECT_EQ(yaml::EmitJson(VersionTree("1", stream.documents), 0),
            R"({"client": {"version": "1"}, "server": [{"type": "Gateway", "kubernetes": {"containers": [)"
            R"({"Tag": "1.18.0", "Name": "k8sgateway", "Registry": "example.com"}, )"
            R"({"Tag": "1.18.0", "Name": "sds", "Registry": "example.com"}], "namespace": "gloo-system"}}]})");
}

TEST(Version, NoServerIsSaid) { EXPECT_EQ(RenderVersion("1", {}), "Client version: 1\nServer: none was found\n"); }

}  // namespace
}  // namespace k8sgw::cli
