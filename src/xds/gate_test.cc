#include "src/xds/gate.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

namespace k8sgw::xds {
namespace {

struct Known : Identity {
  explicit Known(absl::Status s) : status(std::move(s)) {}
  absl::Status MayHave(const std::string&) const override { return status; }
  absl::Status status;
};

// Answers when the test says so.
struct Reviewer : Authenticator {
  void Authenticate(const Caller&, Done done) override { asked.push_back(std::move(done)); }
  std::chrono::milliseconds holds_for() const override { return std::chrono::seconds(1); }
  std::vector<Done> asked;
};

struct GateTest : ::testing::Test {
  std::optional<absl::Status>& Ask(const std::string& peer) {
    said.push_back(std::make_unique<std::optional<absl::Status>>());
    gate->Ask({{}, peer}, [answer = said.back().get()](const absl::Status& status) {
      EXPECT_FALSE(answer->has_value()) << "told twice";
      *answer = status;
    });
    return *said.back();
  }
  static Ptr<Identity> Who(absl::Status status) { return std::make_shared<Known>(std::move(status)); }

  Reviewer reviewer;
  std::vector<Refusal> refusals;
  std::vector<std::unique_ptr<std::optional<absl::Status>>> said;
  std::optional<Gate> gate{std::in_place,
                           Gate::Options{&reviewer, [this](const Refusal& refusal) { refusals.push_back(refusal); }}};
};

TEST_F(GateTest, WithoutAnAuthenticatorEverybodyPasses) {
  gate.emplace(Gate::Options{});
  EXPECT_EQ(Ask("ipv4:10.0.0.7:1"), absl::OkStatus());
}

TEST_F(GateTest, CallersOfThisPodPassAndNobodyElseUnasked) {
  for (const char* peer : {"ipv4:127.0.0.1:4000", "ipv6:[::1]:4000", "ipv6:%5B::1%5D:4000", "unix:", "unix:/a/b"}) {
    EXPECT_EQ(Ask(peer), absl::OkStatus()) << peer;
  }
  EXPECT_TRUE(reviewer.asked.empty());
  for (const char* peer : {"ipv4:127.0.0.6:1", "ipv4:127.0.0.11:1", "ipv4:10.0.0.7:1", "ipv6:%5B::12%5D:1",
                           "ipv6:[::]:1", "", "rest:127.0.0.1", "unix-abstract:a"}) {
    EXPECT_FALSE(Ask(peer).has_value()) << peer;
  }
  EXPECT_EQ(reviewer.asked.size(), 8u);
}

TEST_F(GateTest, TheIdentityDecides) {
  auto& good = Ask("ipv4:10.0.0.7:1");
  auto& poor = Ask("ipv4:10.0.0.8:1");
  auto& nobody = Ask("ipv4:10.0.0.9:1");
  reviewer.asked[0](Who(absl::OkStatus()));
  reviewer.asked[1](Who(absl::PermissionDeniedError("poor")));
  reviewer.asked[2](absl::UnauthenticatedError("nobody"));
  EXPECT_EQ(good, absl::OkStatus());
  EXPECT_EQ(poor, absl::PermissionDeniedError("poor"));
  EXPECT_EQ(nobody, absl::UnauthenticatedError("nobody"));
  ASSERT_EQ(refusals.size(), 2u);
  EXPECT_EQ(refusals[0].peer, "ipv4:10.0.0.8:1");
  EXPECT_EQ(refusals[1].status, absl::UnauthenticatedError("nobody"));
}

TEST_F(GateTest, WhoWaitsWhenItClosesIsToldAtOnceAndOnce) {
  auto& waits = Ask("ipv4:10.0.0.7:1");
  gate->Close();
  EXPECT_EQ(waits->code(), absl::StatusCode::kUnavailable);
  auto& late = Ask("ipv4:10.0.0.7:1");
  EXPECT_EQ(late->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(reviewer.asked.size(), 1u);
  gate.reset();
  reviewer.asked[0](Who(absl::OkStatus()));
  EXPECT_TRUE(refusals.empty());
}

}  // namespace
}  // namespace k8sgw::xds
