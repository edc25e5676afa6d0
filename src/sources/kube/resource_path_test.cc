#include "src/sources/kube/resource_path.h"

#include <gtest/gtest.h>

namespace k8sgw::kube {
namespace {

TEST(ResourcePathTest, Paths) {
  EXPECT_EQ(CollectionPath({"", "v1", "secrets", ""}), "/api/v1/secrets");
  EXPECT_EQ(CollectionPath({"gateway.solo.io", "v1", "virtualservices", "a/b"}),
            "/apis/gateway.solo.io/v1/namespaces/a%2Fb/virtualservices");
  EXPECT_EQ(ObjectPath({"", "v1", "secrets", "ns"}, "a:b?"), "/api/v1/namespaces/ns/secrets/a%3Ab%3F");
  EXPECT_EQ(ObjectPath({"g", "v1", "xs", ""}, "n", "status"), "/apis/g/v1/xs/n/status");
}

TEST(ResourcePathTest, Escapes) { EXPECT_EQ(EscapeUrl("a-Z_0.~ +=&%\xc3\xa9"), "a-Z_0.~%20%2B%3D%26%25%C3%A9"); }

}  // namespace
}  // namespace k8sgw::kube
