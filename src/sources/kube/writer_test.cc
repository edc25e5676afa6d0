#include "src/sources/kube/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::kube {
namespace {

const Target kTarget{{"gateway.solo.io", "v1", "virtualservices", "ns"}, "a", "status"};

TEST(WriterTest, Requests) {
  const std::string path = "/apis/gateway.solo.io/v1/namespaces/ns/virtualservices";
  WriteRequest request = MergePatch(kTarget, "{}", "a b");
  EXPECT_EQ(request.method, "PATCH");
  EXPECT_EQ(request.target, path + "/a/status?fieldManager=a%20b");
  EXPECT_EQ(request.content_type, "application/merge-patch+json");
  EXPECT_EQ(request.body, "{}");
  request = ServerSideApply(kTarget, "a: b", "gloo", true);
  EXPECT_EQ(request.target, path + "/a/status?fieldManager=gloo&force=true");
  EXPECT_EQ(request.content_type, "application/apply-patch+yaml");
  EXPECT_EQ(ServerSideApply(kTarget, "a: b", "gloo", false).target, path + "/a/status?fieldManager=gloo");
  request = ReplaceObject(kTarget, "{}");
  EXPECT_EQ(request.method + request.target, "PUT" + path + "/a/status");
  request = CreateObject(kTarget.resource, "{}");
  EXPECT_EQ(request.method + request.target + request.content_type, "POST" + path + "application/json");
  request = DeleteObject(kTarget);
  EXPECT_EQ(request.method + request.target + request.content_type + request.body, "DELETE" + path + "/a/status");
  EXPECT_EQ(DeleteObject(kTarget, "u-1").body,
            R"({"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"u-1"}})");
  EXPECT_EQ(DeleteObject(kTarget, "u-1", "7").body,
            R"({"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"u-1","resourceVersion":"7"}})");
  request = ReadObject(kTarget);
  EXPECT_EQ(request.method + request.target, "GET" + path + "/a/status");
}

}  // namespace
}  // namespace k8sgw::kube
