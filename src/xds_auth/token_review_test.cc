#include "src/xds_auth/token_review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/text.h"
#include "src/json/tree.h"

namespace k8sgw::xds_auth {
namespace {

using ::testing::HasSubstr;

kube::WriteResult Answer(std::string body) { return {absl::OkStatus(), {}, std::move(body)}; }

absl::StatusOr<Account> Read(std::string_view status) {
  return ReadReview(Answer(Cat(R"({"kind":"TokenReview","spec":{"token":"x"},"status":)", status, "}")), "xds");
}

constexpr char kPodOfAccount[] = R"({"authenticated":true,"audiences":["other","xds"],
  "user":{"username":"system:serviceaccount:gloo-system:gateway-proxy","uid":"u","groups":["g"],
  "extra":{"authentication.kubernetes.io/pod-name":["p-1"],"authentication.kubernetes.io/pod-uid":["u-1"]}}})";

TEST(TokenReview, Asks) {
  const kube::WriteRequest request = ReviewRequest("a.b.c", "xds");
  EXPECT_EQ(request.method + request.target, "POST/apis/authentication.k8s.io/v1/tokenreviews");
  const auto body = yaml::FromJson(yaml::Padded(request.body).view());
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->Find("spec")->FindScalar("token"), "a.b.c");
  EXPECT_EQ(body->Find("spec")->Find("audiences")->items.front().scalar, "xds");
  EXPECT_EQ(PodRequest({"ns", "a", "p-1", "u-1"}).target, "/api/v1/namespaces/ns/pods/p-1");
}

TEST(TokenReview, SaysWhoseTokenItIs) {
  const auto account = Read(kPodOfAccount);
  ASSERT_TRUE(account.ok()) << account.status();
  EXPECT_EQ(*account, (Account{"gloo-system", "gateway-proxy", "p-1", "u-1"}));
  const auto without_pod =
      Read(R"({"authenticated":true,"audiences":["xds"],"user":{"username":"system:serviceaccount:a:b"}})");
  ASSERT_TRUE(without_pod.ok()) << without_pod.status();
  EXPECT_EQ(*without_pod, (Account{"a", "b", "", ""}));
}

TEST(TokenReview, WhatIsNotGoodIsRefused) {
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"error":"[token has expired]\n"})", "[token has expired]\\x0a"},
      {R"({"authenticated":false})", "nobody is known by it"},
      {R"({})", "nobody is known by it"},
      {R"({"authenticated":true,"user":{"username":"system:serviceaccount:a:b"}})", "for another audience"},
      {R"({"authenticated":true,"audiences":["xds2"],"user":{"username":"system:serviceaccount:a:b"}})",
       "for another audience"},
      {R"({"authenticated":true,"audiences":["xds"],"user":{"username":"admin"}})", "not that of a ServiceAccount"},
      {R"({"authenticated":true,"audiences":["xds"],"user":{"username":"system:node:a"}})",
       "not that of a ServiceAccount"},
  };
  for (const auto& [status, error] : kCases) {
    const auto account = Read(status);
    EXPECT_TRUE(absl::IsUnauthenticated(account.status())) << status << ": " << account.status();
    EXPECT_THAT(std::string(account.status().message()), HasSubstr(error));
    EXPECT_THAT(std::string(account.status().message()), HasSubstr("for the audience xds"));
  }
}

TEST(TokenReview, WhatCannotBeReadIsNeitherGoodNorBad) {
  for (const char* body : {"", "no JSON", "[]", "{}", R"({"status":{"authenticated":true,"audiences":["xds"]}})",
                           R"({"status":{"authenticated":true,"audiences":["xds"],
                               "user":{"username":"system:serviceaccount:a"}}})",
                           R"({"status":{"authenticated":true,"audiences":["xds"],
                               "user":{"username":"system:serviceaccount::b"}}})"}) {
    const auto account = ReadReview(Answer(body), "xds");
    EXPECT_TRUE(absl::IsUnavailable(account.status())) << body << ": " << account.status();
  }
  // Even a 401 is about us, not about the caller.
  for (const absl::Status& status :
       {absl::UnavailableError("x"), absl::UnauthenticatedError("x"), absl::NotFoundError("x"),
        absl::DeadlineExceededError("x"), absl::ResourceExhaustedError("x")}) {
    EXPECT_TRUE(absl::IsUnavailable(ReadReview({status, {}, ""}, "xds").status())) << status;
  }
  const auto forbidden = ReadReview({absl::PermissionDeniedError("no"), {}, ""}, "xds");
  EXPECT_TRUE(absl::IsUnavailable(forbidden.status()));
  EXPECT_THAT(std::string(forbidden.status().message()),
              HasSubstr("the right to create tokenreviews.authentication.k8s.io"));
}

TEST(TokenReview, ThePodSaysWhichProxyItIsOf) {
  const Account account{"ns", "a", "p-1", "u-1"};
  EXPECT_EQ(*ReadProxyLabel(
                Answer(R"({"metadata":{"uid":"u-1","labels":{"gateway-proxy":"live","gateway-proxy-id":"internal"}}})"),
                account),
            "internal");
  EXPECT_EQ(*ReadProxyLabel(Answer(R"({"metadata":{"uid":"u-1"}})"), account), "");
  // Another pod of that name.
  for (const auto& gone : {Answer(R"({"metadata":{"uid":"u-2","labels":{"gateway-proxy-id":"internal"}}})"),
                           Answer(R"({"metadata":{}})"), kube::WriteResult{absl::NotFoundError("x"), {}, ""}}) {
    EXPECT_TRUE(absl::IsUnauthenticated(ReadProxyLabel(gone, account).status()));
  }
  const auto forbidden = ReadProxyLabel({absl::PermissionDeniedError("no"), {}, ""}, account);
  EXPECT_TRUE(absl::IsUnavailable(forbidden.status()));
  EXPECT_THAT(std::string(forbidden.status().message()), HasSubstr("the right to get pods"));
  EXPECT_TRUE(absl::IsUnavailable(ReadProxyLabel(Answer("no JSON"), account).status()));
}

TEST(TokenReview, AsksWhoMayReadProxies) {
  const kube::WriteRequest request = AccessRequest({"shop", "reader", "", ""}, "gloo-system");
  EXPECT_EQ(request.method + request.target, "POST/apis/authorization.k8s.io/v1/subjectaccessreviews");
  const auto body = yaml::FromJson(yaml::Padded(request.body).view());
  ASSERT_TRUE(body.ok()) << body.status();
  const yaml::Node& spec = *body->Find("spec");
  EXPECT_EQ(spec.FindScalar("user"), "system:serviceaccount:shop:reader");
  // Roles may be bound to all accounts of a namespace.
  std::vector<std::string> groups;
  for (const yaml::Node& group : spec.Find("groups")->items) groups.push_back(group.scalar);
  EXPECT_THAT(groups,
              testing::ElementsAre("system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"));
  const yaml::Node& what = *spec.Find("resourceAttributes");
  EXPECT_EQ(what.FindScalar("verb"), "get");
  EXPECT_EQ(what.FindScalar("group"), "gloo.solo.io");
  EXPECT_EQ(what.FindScalar("resource"), "proxies");
  EXPECT_EQ(what.FindScalar("namespace"), "gloo-system");
}

TEST(TokenReview, SaysWhoMayReadProxies) {
  EXPECT_TRUE(*ReadAccess(Answer(R"({"status":{"allowed":true,"reason":"RBAC"}})")));
  for (const char* no : {R"({"status":{"allowed":false}})", R"({"status":{"allowed":true,"denied":true}})",
                         R"({"status":{"allowed":"yes"}})"}) {
    EXPECT_FALSE(*ReadAccess(Answer(no))) << no;
  }
  for (const char* unreadable : {"no JSON", "{}", R"({"status":{}})"}) {
    EXPECT_TRUE(absl::IsUnavailable(ReadAccess(Answer(unreadable)).status())) << unreadable;
  }
  const auto forbidden = ReadAccess({absl::PermissionDeniedError("no"), {}, ""});
  EXPECT_TRUE(absl::IsUnavailable(forbidden.status()));
  EXPECT_THAT(std::string(forbidden.status().message()), HasSubstr("create subjectaccessreviews"));
}

TEST(TokenReview, Audiences) {
  EXPECT_TRUE(IsAudience("k8sgateway-xds"));
  EXPECT_TRUE(IsAudience("https://kubernetes.default.svc"));
  for (const std::string& text : {std::string(), std::string("a\"b"), std::string("a\\b"), std::string("a b"),
                                  std::string("a\n"), std::string(257, 'a')}) {
    EXPECT_FALSE(IsAudience(text)) << text;
  }
}

}  // namespace
}  // namespace k8sgw::xds_auth
