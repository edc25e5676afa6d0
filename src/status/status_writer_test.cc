#include "src/status/status_writer.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace k8sgw::status {
namespace {

using Kind = Syncer::Outcome::Kind;

kube::WriteResult Refusal(int code) {
  kube::WriteResult result;
  result.details.code = code;
  result.details.retry_after = std::chrono::seconds(code == 429 ? 3 : 0);
  result.status = kube::ToStatus(result.details);
  return result;
}

TEST(StatusWriterTest, WhatAnswersMean) {
  EntryReader reader("gloo-system");
  for (const int code : {400, 409, 410, 413, 415, 422}) {
    EXPECT_EQ(OutcomeOf(Refusal(code), reader, Form::kByNamespace).kind, Kind::kRefused) << code;
  }
  for (const int code : {401, 403, 429, 500, 503, 504}) {
    EXPECT_EQ(OutcomeOf(Refusal(code), reader, Form::kByNamespace).kind, Kind::kFailed) << code;
  }
  EXPECT_EQ(OutcomeOf(Refusal(404), reader, Form::kByNamespace).kind, Kind::kMissing);
  EXPECT_EQ(OutcomeOf(Refusal(429), reader, Form::kByNamespace).retry_after, std::chrono::seconds(3));
  kube::WriteResult lost;
  lost.status = absl::UnavailableError("the connection ended");
  EXPECT_EQ(OutcomeOf(lost, reader, Form::kByNamespace).kind, Kind::kFailed);
  kube::WriteResult done;
  done.body = R"({"status":{"statuses":{"gloo-system":{"state":"Accepted","reportedBy":"gloo"}}}})";
  const Syncer::Outcome outcome = OutcomeOf(done, reader, Form::kByNamespace);
  EXPECT_EQ(outcome.kind, Kind::kWritten);
  EXPECT_EQ(outcome.found.hash, (Entry{State::kAccepted, "", "gloo", {}}).Hash());
}

TEST(StatusWriterTest, StatusIsAPartOfTheObject) {
  const kube::WriteRequest request =
      RequestOf("gloo-system", {1, {k8sgw::Kind::kUpstream, "n", "a"}, "u", {}}, {State::kAccepted, "", "gloo", {}});
  EXPECT_EQ(request.method, "PATCH");
  EXPECT_EQ(request.target, "/apis/gloo.solo.io/v1/namespaces/n/upstreams/a?fieldManager=k8sgateway");
  EXPECT_EQ(request.content_type, "application/merge-patch+json");
}

TEST(StatusWriterTest, AKindWithASubresourceIsWrittenThere) {
  const kube::WriteRequest request =
      RequestOf("gloo-system", {1, {k8sgw::Kind::kRateLimitConfig, "n", "a"}, "u", {0, {}, 7}},
                {State::kAccepted, "so", "gloo", {}});
  EXPECT_EQ(request.target,
            "/apis/ratelimit.solo.io/v1alpha1/namespaces/n/ratelimitconfigs/a/status?fieldManager=k8sgateway");
  EXPECT_EQ(request.body,
            R"({"metadata":{"uid":"u"},"status":{"state":"ACCEPTED","message":"so","observedGeneration":7}})");
  kube::WriteResult done;
  done.body = R"({"metadata":{"generation":7},)" + request.body.substr(request.body.find(R"("status")"));
  EXPECT_EQ(OutcomeOf(done, *std::make_unique<EntryReader>("n"), Form::kAlone).found.hash,
            (Entry{State::kAccepted, "so", "gloo", {}}).Hash());
}

TEST(StatusWriterTest, EveryKindWithStatusHasAPlaceOnTheServer) {
  for (const auto kind :
       {k8sgw::Kind::kSettings, k8sgw::Kind::kGateway, k8sgw::Kind::kVirtualService, k8sgw::Kind::kRouteTable,
        k8sgw::Kind::kVirtualHostOption, k8sgw::Kind::kRouteOption, k8sgw::Kind::kUpstream, k8sgw::Kind::kUpstreamGroup,
        k8sgw::Kind::kMatchableHttpGateway, k8sgw::Kind::kMatchableTcpGateway, k8sgw::Kind::kListenerOption,
        k8sgw::Kind::kHttpListenerOption, k8sgw::Kind::kAuthConfig, k8sgw::Kind::kRateLimitConfig}) {
    EXPECT_FALSE(RequestOf("n", {1, {kind, "n", "a"}, "u", {}}, {}).target.empty());
  }
}

}  // namespace
}  // namespace k8sgw::status
