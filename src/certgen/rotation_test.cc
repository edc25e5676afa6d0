#include "src/certgen/rotation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/certgen/test_material.h"

namespace k8sgw::certgen {
namespace {

using testing::HasSubstr;

Plan Next(const Material& stored, int64_t now, bool forced = false, const Demand& demand = TestDemand()) {
  const auto plan = PlanStep(stored, demand, forced, now);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *plan : Plan();
}

TEST(RotationTest, AGoodCertificateIsLeftAlone) {
  const Material made = Fresh();
  const Plan plan = Next(made, kNow + 200 * kDay);
  EXPECT_EQ(plan.step, Step::kNone);
  EXPECT_EQ(plan.material, made);
  EXPECT_FALSE(plan.next_at);
  EXPECT_THAT(plan.why, HasSubstr("good until 2027-07-01"));
}

TEST(RotationTest, IsDueWithinItsBound) {
  const Material made = Fresh();
  EXPECT_EQ(Next(made, kNow + 275 * kDay - 1).step, Step::kNone);
  EXPECT_EQ(Next(made, kNow + 275 * kDay).step, Step::kTrust);
}

// Whatever mixture of two neighbouring versions client and server have, they connect.
TEST(RotationTest, NoConnectionBreaksWhileChangesSpread) {
  const Material first = Fresh();
  std::vector<Material> versions = {first};
  int64_t now = kNow + 280 * kDay;
  for (const Step expected : {Step::kTrust, Step::kServe, Step::kFinish}) {
    const Plan plan = Next(versions.back(), now);
    ASSERT_EQ(plan.step, expected) << plan.why;
    versions.push_back(plan.material);
    now += 65;
  }
  for (size_t i = 0; i + 1 < versions.size(); ++i) {
    for (const auto& [client, server] :
         {std::pair(i, i), std::pair(i, i + 1), std::pair(i + 1, i), std::pair(i + 1, i + 1)})
      EXPECT_TRUE(Connects(versions[client], versions[server], now).ok()) << client << " to " << server;
  }
  const Material& last = versions.back();
  EXPECT_NE(last.certificate, first.certificate);
  EXPECT_FALSE(Connects(first, last, now).ok());
  EXPECT_EQ(AuthorityCount(last), 1u);
  EXPECT_TRUE(last.next_certificate.empty() && last.next_key.empty() && !last.step_at);
  EXPECT_EQ(Next(last, now).step, Step::kNone);
}

TEST(RotationTest, StepsHaveTheirDistance) {
  const int64_t begin = kNow + 280 * kDay;
  const Plan trust = Next(Fresh(), begin);
  EXPECT_EQ(trust.next_at, begin + 65);
  const Plan early = Next(trust.material, begin + 64, true);
  EXPECT_EQ(early.step, Step::kNone);
  EXPECT_EQ(early.next_at, begin + 65);
  const Plan serve = Next(trust.material, begin + 65, true);
  ASSERT_EQ(serve.step, Step::kServe);
  EXPECT_EQ(serve.next_at, begin + 130);
  EXPECT_EQ(Next(serve.material, begin + 129).step, Step::kNone);
  EXPECT_EQ(Next(serve.material, begin + 130, true).step, Step::kFinish);
}

TEST(RotationTest, ForceBeginsARotation) {
  const Plan plan = Next(Fresh(), kNow, true);
  EXPECT_EQ(plan.step, Step::kTrust);
  EXPECT_EQ(AuthorityCount(plan.material), 2u);
}

TEST(RotationTest, AClockThatWasFarAheadStopsNothing) {
  Plan plan = Next(Fresh(), kNow, true);
  plan.material.step_at = kNow + 100 * kDay;
  EXPECT_EQ(Next(plan.material, kNow + 1).step, Step::kServe);
}

// What is stored, what the log says about it, and whether the old authority is good for something still.
struct Fault {
  const char* name;
  void (*make)(Material& stored);
  const char* why;
  bool keeps_authority;
};

class FaultTest : public testing::TestWithParam<Fault> {};

TEST_P(FaultTest, IsReplacedAtOnce) {
  const Material good = Fresh();
  Material stored = good;
  GetParam().make(stored);
  const Plan plan = Next(stored, kNow);
  EXPECT_EQ(plan.step, Step::kReplace);
  EXPECT_THAT(plan.why, HasSubstr(GetParam().why));
  EXPECT_TRUE(Connects(plan.material, plan.material, kNow).ok());
  EXPECT_EQ(AuthorityCount(plan.material), GetParam().keeps_authority ? 2u : 1u);
  // Those who have the old one still are trusted.
  if (GetParam().keeps_authority) {
    EXPECT_EQ(Next(plan.material, kNow + 65).step, Step::kFinish);
  } else {
    EXPECT_EQ(Next(plan.material, kNow + 65).step, Step::kNone);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, FaultTest,
    testing::Values(
        Fault{"NoCertificate", [](Material& m) { m.certificate.clear(); }, "no certificate", true},
        Fault{"CutOff", [](Material& m) { m.certificate.resize(m.certificate.size() / 2); }, "cut off", true},
        Fault{"NoKey", [](Material& m) { m.key = "x"; }, "private key", true},
        Fault{"OtherKey", [](Material& m) { m.key = Fresh().key; }, "not that of the first certificate", true},
        Fault{"NoAuthority", [](Material& m) { m.authorities.clear(); }, "of the authorities", false},
        Fault{"OtherAuthority", [](Material& m) { m.authorities = Fresh().authorities; }, "issuer", true}),
    [](const auto& fault) { return std::string(fault.param.name); });

TEST(RotationTest, AnExpiredOneIsReplacedAtOnce) {
  const Plan plan = Next(Fresh(), kNow + 366 * kDay);
  EXPECT_EQ(plan.step, Step::kReplace);
  EXPECT_THAT(plan.why, HasSubstr("expired"));
  // Its authority has expired, too.
  EXPECT_EQ(AuthorityCount(plan.material), 1u);
}

TEST(RotationTest, OtherNamesAreReplacedAtOnce) {
  Demand demand = TestDemand();
  demand.subject.service = "other";
  const Material old = Fresh();
  const Plan plan = Next(old, kNow, false, demand);
  EXPECT_EQ(plan.step, Step::kReplace);
  EXPECT_THAT(plan.why, HasSubstr("not for other"));
  EXPECT_TRUE(Connects(plan.material, old, kNow).ok());
  EXPECT_TRUE(Connects(plan.material, plan.material, kNow).ok());
}

TEST(RotationTest, WhatWaitsAndIsUnusableIsMadeAnew) {
  Plan plan = Next(Fresh(), kNow + 280 * kDay);
  plan.material.next_key.clear();
  const Plan again = Next(plan.material, kNow + 280 * kDay + 1);
  EXPECT_EQ(again.step, Step::kTrust);
  EXPECT_EQ(AuthorityCount(again.material), 2u);
}

TEST(RotationTest, WhatWaitsAndIsUnusableGoesWhenNothingIsDue) {
  const Material made = Fresh();
  Plan plan = Next(made, kNow, true);
  plan.material.next_key.clear();
  const Plan again = Next(plan.material, kNow + 1);
  EXPECT_EQ(again.material, made);
}

TEST(RotationTest, ACertificateThatEndsDuringItsRotationIsReplacedByWhatWaits) {
  const int64_t begin = kNow + 365 * kDay - 10;
  const Plan trust = Next(Fresh(), begin);
  ASSERT_EQ(trust.step, Step::kTrust);
  const Plan serve = Next(trust.material, begin + 20);
  EXPECT_EQ(serve.step, Step::kServe);
  EXPECT_EQ(serve.material.certificate, trust.material.next_certificate);
}

TEST(RotationTest, ABundleOfTheUsersOwnIsLeftAlone) {
  Material stored = Fresh();
  stored.authorities += Fresh().authorities;
  EXPECT_EQ(Next(stored, kNow).step, Step::kNone);
}

}  // namespace
}  // namespace k8sgw::certgen
