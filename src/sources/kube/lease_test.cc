#include "src/sources/kube/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/text.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr char kMetadata[] = R"({"name":"gloo","namespace":"sys","resourceVersion":"7","labels":{"a":"b"}})";

std::string LeaseText(const std::string& holder, const std::string& renewed = "2026-01-01T00:00:00.000000Z",
                      int transitions = 3, const std::string& version = "7") {
  return Cat(R"({"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"gloo","namespace":"sys",)",
             R"("resourceVersion":")", version, R"("},"spec":{"holderIdentity":")", holder,
             R"(","leaseDurationSeconds":15,"acquireTime":"2025-12-31T00:00:00.000000Z","renewTime":")", renewed,
             R"(","leaseTransitions":)", transitions, "}}");
}

WriteResult Ok(std::string body) { return {absl::OkStatus(), {}, std::move(body)}; }
WriteResult Error(int code) {
  ApiStatus status;
  status.code = code;
  return {ToStatus(status), status, ""};
}

class LeaseTest : public ::testing::Test {
 protected:
  LeaseTest() : elector({.ns = "sys", .name = "gloo", .identity = "me"}, [] { return 0.5; }) {}

  LeaderElector::Now Now() const { return {time, LeaderElector::WallTime(seconds(1767225600)) + (time - start)}; }
  void Take(std::optional<WriteRequest> request) {
    asked = request ? Cat(request->method, " ", request->target) : "";
    body = request ? request->body : "";
  }
  void Start() { Take(elector.Start(Now())); }
  void Result(const WriteResult& result) { Take(elector.OnResult(Now(), result)); }
  // To the next deadline.
  void Wait() {
    time = *elector.deadline();
    Take(elector.OnTimer(Now()));
  }
  // The server takes the write that was asked for.
  void Accept() { Result(Ok(body)); }
  void Lead() {
    Start();
    Result(Error(404));
    Accept();
    ASSERT_TRUE(elector.IsLeader(time));
  }

  const LeaderElector::Time start{std::chrono::hours(10)};
  LeaderElector::Time time = start;
  LeaderElector elector;
  std::string asked;
  std::string body;
};

constexpr char kLease[] = "/apis/coordination.k8s.io/v1/namespaces/sys/leases/gloo";

TEST_F(LeaseTest, AMissingLeaseIsMade) {
  Start();
  EXPECT_EQ(asked, Cat("GET ", kLease));
  Result(Error(404));
  EXPECT_EQ(asked, "POST /apis/coordination.k8s.io/v1/namespaces/sys/leases");
  EXPECT_EQ(body,
            R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"namespace":"sys","name":"gloo"},)"
            R"("spec":{"holderIdentity":"me","leaseDurationSeconds":15,"acquireTime":"2026-01-01T00:00:00.000000Z",)"
            R"("renewTime":"2026-01-01T00:00:00.000000Z","leaseTransitions":0}})");
  EXPECT_FALSE(elector.IsLeader(time));
  Accept();
  EXPECT_TRUE(elector.IsLeader(time));
}

TEST_F(LeaseTest, ALeaderRenewsWithoutReading) {
  Lead();
  time += milliseconds(1);
  Wait();
  EXPECT_EQ(time - start, seconds(2));
  EXPECT_EQ(asked, Cat("PUT ", kLease));
  EXPECT_THAT(body,
              HasSubstr(R"("acquireTime":"2026-01-01T00:00:00.000000Z","renewTime":"2026-01-01T00:00:02.000000Z")"));
  EXPECT_THAT(body, HasSubstr(R"("leaseTransitions":0)"));
}

TEST_F(LeaseTest, AnotherOnesLeaseIsLeftUntilItHasNotChangedForItsDuration) {
  Start();
  Result(Ok(LeaseText("you")));
  EXPECT_EQ(asked, "");
  // 2 s, and half of 1.2 times that.
  Wait();
  EXPECT_EQ(time - start, milliseconds(3200));
  // What its clock says is nothing to us, but that it has changed is.
  Result(Ok(LeaseText("you", "1999-01-01T00:00:00.000000Z", 3, "8")));
  for (int i = 0; i < 4; ++i) {
    Wait();
    Result(Ok(LeaseText("you", "1999-01-01T00:00:00.000000Z", 3, "9")));
    EXPECT_EQ(asked, "") << time - start;
  }
  Wait();
  EXPECT_EQ(time - start, milliseconds(6 * 3200));
  Result(Ok(LeaseText("you", "1999-01-01T00:00:00.000000Z", 3, "10")));
  EXPECT_EQ(asked, Cat("PUT ", kLease));
  EXPECT_THAT(body, HasSubstr(R"("resourceVersion":"10")"));
  EXPECT_THAT(body, HasSubstr(R"("holderIdentity":"me")"));
  EXPECT_THAT(body, HasSubstr(R"("leaseTransitions":4)"));
  EXPECT_THAT(body, HasSubstr(R"("acquireTime":"2026-01-01T00:00:19.200000Z")"));
  Accept();
  EXPECT_TRUE(elector.IsLeader(time));
}

TEST_F(LeaseTest, AReleasedLeaseIsTakenAtOnce) {
  Start();
  Result(Ok(LeaseText("")));
  EXPECT_EQ(asked, Cat("PUT ", kLease));
}

TEST_F(LeaseTest, OurOwnLeaseIsTakenBackAtOnce) {
  Start();
  Result(Ok(LeaseText("me")));
  EXPECT_EQ(asked, Cat("PUT ", kLease));
  EXPECT_THAT(body, HasSubstr(R"("leaseTransitions":3)"));
  EXPECT_THAT(body, HasSubstr(R"("acquireTime":"2025-12-31T00:00:00.000000Z")"));
}

TEST_F(LeaseTest, OfTwoCandidatesOneWins) {
  Start();
  Result(Ok(LeaseText("")));
  Result(Error(409));
  EXPECT_FALSE(elector.IsLeader(time));
  EXPECT_EQ(asked, "");
  Wait();
  EXPECT_EQ(asked, Cat("GET ", kLease));
}

TEST_F(LeaseTest, WhoCannotRenewIsNoLeaderInTime) {
  Lead();
  bool was_leader = true;
  while (time - start < seconds(30)) {
    Wait();
    if (!asked.empty()) Result(Error(503));
    const bool leader = elector.IsLeader(time);
    EXPECT_EQ(leader, time - start < seconds(10)) << (time - start).count();
    if (was_leader && !leader) {
      EXPECT_EQ(time - start, seconds(10)) << "the deadline itself is told";
    }
    was_leader = leader;
  }
  // It goes on as a candidate.
  while (asked.empty()) Wait();
  EXPECT_EQ(asked, Cat("GET ", kLease));
  Result(Ok(LeaseText("me")));
  Accept();
  EXPECT_TRUE(elector.IsLeader(time));
}

TEST_F(LeaseTest, ARenewalThatHangsEndsTheLeadOnce) {
  Lead();
  Wait();
  EXPECT_EQ(asked, Cat("PUT ", kLease));
  Wait();
  EXPECT_EQ(time - start, seconds(10));
  EXPECT_FALSE(elector.IsLeader(time));
  EXPECT_EQ(elector.deadline(), std::nullopt) << "nothing is to be done before the result";
}

TEST_F(LeaseTest, ASlowRenewalCountsFromWhenItWasSent) {
  Lead();
  Wait();
  time += seconds(7);
  Accept();
  EXPECT_TRUE(elector.IsLeader(start + milliseconds(11'999)));
  EXPECT_FALSE(elector.IsLeader(start + seconds(12)));
}

TEST_F(LeaseTest, ALeaseThatWasTakenIsLostAtOnce) {
  Lead();
  Wait();
  Result(Error(409));
  EXPECT_EQ(asked, Cat("GET ", kLease));
  Result(Ok(LeaseText("you")));
  EXPECT_FALSE(elector.IsLeader(time));
  EXPECT_EQ(elector.holder(), "you");
  EXPECT_EQ(asked, "");
}

TEST_F(LeaseTest, WhatOthersWroteInTheLeaseStays) {
  Start();
  Result(
      Ok(Cat(R"({"metadata":)", kMetadata, R"(,"spec":{"strategy":"OldestEmulationVersion","holderIdentity":null}})")));
  EXPECT_THAT(body, HasSubstr(Cat(R"("metadata":)", kMetadata)));
  EXPECT_THAT(body, HasSubstr(R"("leaseTransitions":1,"strategy":"OldestEmulationVersion"}})"));
}

TEST_F(LeaseTest, ReleasesOnExit) {
  Lead();
  Take(elector.Release(Now()));
  EXPECT_FALSE(elector.IsLeader(time));
  EXPECT_EQ(asked, Cat("PUT ", kLease));
  EXPECT_THAT(body, HasSubstr(R"("holderIdentity":"","leaseDurationSeconds":1,)"));
  EXPECT_FALSE(elector.done());
  Accept();
  EXPECT_TRUE(elector.done());
  EXPECT_EQ(asked, "");
  EXPECT_EQ(elector.deadline(), std::nullopt);
}

TEST_F(LeaseTest, AReleaseWaitsForTheRunningRequest) {
  Lead();
  Wait();
  const std::string renewal = body;
  Take(elector.Release(Now()));
  EXPECT_EQ(asked, "");
  Result(Ok(renewal));
  EXPECT_THAT(body, HasSubstr(R"("holderIdentity":"")"));
}

TEST_F(LeaseTest, WhoDoesNotHoldItReleasesNothing) {
  Start();
  Result(Ok(LeaseText("you")));
  Take(elector.Release(Now()));
  EXPECT_EQ(asked, "");
  EXPECT_TRUE(elector.done());
}

TEST_F(LeaseTest, UnreadableAnswersAreNoLease) {
  Start();
  Result(Ok("<html>"));
  EXPECT_EQ(asked, "");
  EXPECT_TRUE(elector.deadline().has_value());
}

TEST(LeaseOptionsTest, TimesMustFit) {
  LeaseOptions options{.ns = "n", .name = "l", .identity = "i"};
  EXPECT_TRUE(CheckLeaseOptions(options).ok());
  options.renew_deadline = options.duration;
  EXPECT_FALSE(CheckLeaseOptions(options).ok());
  options.renew_deadline = milliseconds(2400);
  EXPECT_FALSE(CheckLeaseOptions(options).ok());
  options.identity = "";
  EXPECT_FALSE(CheckLeaseOptions(options).ok());
}

TEST(LeaseRecordTest, ReadsAndWrites) {
  const auto lease = ParseLease(LeaseText("a\\\"b"));
  ASSERT_TRUE(lease.ok());
  EXPECT_EQ(lease->record.holder, "a\"b");
  EXPECT_EQ(lease->record.transitions, 3);
  const auto again = ParseLease(LeaseJson(*lease));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->record, lease->record);
  EXPECT_EQ(again->metadata, lease->metadata);
  const auto absurd =
      ParseLease(R"({"metadata":{},"spec":{"leaseDurationSeconds":9223372036854775807,"leaseTransitions":-4}})");
  EXPECT_EQ(absurd->record.duration_seconds, 1'000'000'000);
  EXPECT_EQ(absurd->record.transitions, 0);
  EXPECT_FALSE(ParseLease("[]").ok());
}

}  // namespace
}  // namespace k8sgw::kube
