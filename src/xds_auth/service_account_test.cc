#include "src/xds_auth/service_account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::xds_auth {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

ServiceAccountIdentity Of(const std::string& ns, const std::string& account, const std::string& label = "",
                          const std::vector<std::string>& grants = {}) {
  return {{ns, account, label.empty() ? "" : "pod-1", "uid"},
          label,
          std::make_shared<const Grants>(ParseGrants(grants).value())};
}

TEST(ServiceAccountRoles, AnAccountHasTheRoleOfItsName) {
  const auto identity = Of("gloo-system", "gateway-proxy");
  EXPECT_TRUE(identity.MayHave("gloo-system~gateway-proxy").ok());
  EXPECT_TRUE(identity.MayHave("").ok()) << "the fallback";
  const absl::Status status = identity.MayHave("gloo-system~internal");
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the ServiceAccount gloo-system/gateway-proxy may not have the role gloo-system~internal"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("its own is gloo-system~gateway-proxy"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("--xds-auth-allow gloo-system/gateway-proxy=gloo-system~internal"));
}

TEST(ServiceAccountRoles, NoOtherNamespace) {
  const auto identity = Of("shop", "gateway-proxy", "gateway-proxy");
  EXPECT_TRUE(identity.MayHave("shop~gateway-proxy").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(identity.MayHave("gloo-system~gateway-proxy")));
}

// The published chart has one account for all proxies of a namespace.
TEST(ServiceAccountRoles, TheLabelOfThePodCountsBeforeTheNameOfTheAccount) {
  const auto identity = Of("gloo-system", "gateway-proxy", "internal");
  EXPECT_TRUE(identity.MayHave("gloo-system~internal").ok());
  const absl::Status status = identity.MayHave("gloo-system~gateway-proxy");
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("the pod pod-1 of the proxy internal"));
}

TEST(ServiceAccountRoles, AGrantAddsARole) {
  const auto identity =
      Of("edge", "envoy", "", {"edge/envoy=gloo-system~gateway-proxy", "edge/envoy=gloo-system~other"});
  EXPECT_TRUE(identity.MayHave("gloo-system~gateway-proxy").ok());
  EXPECT_TRUE(identity.MayHave("gloo-system~other").ok());
  EXPECT_TRUE(identity.MayHave("edge~envoy").ok());
  EXPECT_FALSE(Of("edge", "envoy2", "", {"edge/envoy=gloo-system~other"}).MayHave("gloo-system~other").ok());
}

// As the published chart has them in a foreign namespace: one account, a grant for each.
TEST(ServiceAccountRoles, AGrantIsForNoPodOfAnotherProxy) {
  const std::vector<std::string> grants = {"edge/gateway-proxy=gloo-system~internal-edge",
                                           "edge/gateway-proxy=gloo-system~public-edge"};
  const auto broken_into = Of("edge", "gateway-proxy", "public-edge", grants);
  EXPECT_TRUE(broken_into.MayHave("gloo-system~public-edge").ok());
  EXPECT_TRUE(broken_into.MayHave("edge~public-edge").ok());
  const absl::Status status = broken_into.MayHave("gloo-system~internal-edge");
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("the pod pod-1 of the proxy public-edge"));
  EXPECT_THAT(std::string(status.message()), EndsWith("to allow it, label the pod gateway-proxy-id=internal-edge"));
  EXPECT_TRUE(absl::IsPermissionDenied(broken_into.MayHave("edge~gateway-proxy")));
  EXPECT_THAT(std::string(broken_into.MayHave("gloo-system~other").message()),
              EndsWith("to allow it, start the control plane with --xds-auth-allow edge/gateway-proxy=gloo-system~other"
                       ", and label the pod gateway-proxy-id=other"));
  // Without a label nothing tells them apart.
  const auto unlabelled = Of("edge", "gateway-proxy", "", grants);
  EXPECT_TRUE(unlabelled.MayHave("gloo-system~internal-edge").ok());
  EXPECT_TRUE(unlabelled.MayHave("gloo-system~public-edge").ok());
}

TEST(ServiceAccountRoles, WhatIsNoRoleIsNobodys) {
  const auto identity = Of("a", "b");
  for (const std::string role : {"fallback", "a", "a~", "~b", "a~b~c", "gloo-kube-gateway-api~a~a-b", "a~b/", "a/b",
                                 "a~b\n", "*", "a~*", " a~b"}) {
    const absl::Status status = identity.MayHave(role);
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << role;
    EXPECT_THAT(std::string(status.message()), HasSubstr("is no role: node.metadata.role is <namespace>~<proxy>"));
  }
  EXPECT_LT(identity.MayHave(std::string(1 << 20, 'x')).message().size(), 300U);
}

TEST(ServiceAccountRoles, GrantsAreReadStrictly) {
  EXPECT_EQ(*ParseGrants({"a/b=c~d"}), (Grants{{"a/b", "c~d"}}));
  for (const std::string text : {"", "a/b", "a=c~d", "a/b=c/d", "a/b=c~*", "a/b/e=c~d", "a/b=c~d=e", "/b=c~d"}) {
    const auto grants = ParseGrants({"a/b=c~d", text});
    ASSERT_FALSE(grants.ok()) << text;
    EXPECT_THAT(std::string(grants.status().message()), HasSubstr("write NAMESPACE/ACCOUNT=NAMESPACE~PROXY"));
  }
}

}  // namespace
}  // namespace k8sgw::xds_auth
