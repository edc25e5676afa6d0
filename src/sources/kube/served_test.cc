#include "src/sources/kube/served.h"

#include <gtest/gtest.h>

#include "src/sources/kube/test_follower.h"

namespace k8sgw::kube {
namespace {

using testing::GroupsJson;
using testing::KindsJson;

const Resource kXs{"g.x", "v1", "xs", "ns"};

TEST(ServedTest, Paths) { EXPECT_EQ(ServedPath(kXs), "/apis/g.x/v1"); }

TEST(ServedTest, AKindIsNotAmongThoseOfItsVersion) {
  EXPECT_TRUE(LacksResource(KindsJson({"ys", "xs/status"}), kXs));
  EXPECT_FALSE(LacksResource(KindsJson({"ys", "xs", "xs/status"}), kXs));
  EXPECT_FALSE(LacksResource(KindsJson({"ys"}, "g.x/v2"), kXs)) << "of another version";
  EXPECT_FALSE(LacksResource(KindsJson({}), kXs)) << "a version without kinds is not there";
}

TEST(ServedTest, AVersionIsNotAmongThoseOfTheServer) {
  EXPECT_TRUE(LacksVersion(GroupsJson({{"apps", "v1"}, {"y.g.x", "v1"}}), kXs));
  EXPECT_TRUE(LacksVersion(GroupsJson({{"apps", "v1"}, {"g.x", "v1beta1"}}), kXs));
  EXPECT_FALSE(LacksVersion(GroupsJson({{"g.x", "v1"}, {"apps", "v1"}}), kXs));
  EXPECT_FALSE(LacksVersion(GroupsJson({}), kXs)) << "every server has groups";
}

TEST(ServedTest, WhatCannotBeReadProvesNothing) {
  const std::string kinds = KindsJson({"ys"});
  const std::string groups = GroupsJson({{"apps", "v1"}});
  for (size_t size = 0; size < kinds.size(); ++size) EXPECT_FALSE(LacksResource(kinds.substr(0, size), kXs)) << size;
  for (size_t size = 0; size < groups.size(); ++size) EXPECT_FALSE(LacksVersion(groups.substr(0, size), kXs)) << size;
  for (const char* body : {
           "",
           "<html>not found</html>",
           "[]",
           "null",
           "{}",
           R"({"kind":"APIResourceList","groupVersion":"g.x/v1"})",
           R"({"kind":"APIResourceList","groupVersion":"g.x/v1","resources":null})",
           R"({"kind":"APIResourceList","groupVersion":"g.x/v1","resources":["ys"]})",
           R"({"kind":"APIResourceList","groupVersion":"g.x/v1","resources":[{"name":"ys"},{"name":7}]})",
           R"({"kind":"List","groupVersion":"g.x/v1","resources":[{"name":"ys"}]})",
           R"({"kind":"APIGroupList","groups":null})",
           R"({"kind":"APIGroupList","groups":[{}]})",
           R"({"kind":"APIGroupList","groups":[{"name":"apps"},7]})",
           R"({"kind":"APIGroupList","groups":[{"name":"g.x"}]})",
           R"({"kind":"APIGroupList","groups":[{"name":"g.x","versions":[]}]})",
           R"({"kind":"APIGroupList","groups":[{"name":"g.x","versions":[{"version":"v2"}]}]})",
           R"({"kind":"APIGroupDiscoveryList","items":[]})",
       }) {
    EXPECT_FALSE(LacksResource(body, kXs)) << body;
    EXPECT_FALSE(LacksVersion(body, kXs)) << body;
  }
}

}  // namespace
}  // namespace k8sgw::kube
