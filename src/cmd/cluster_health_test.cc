#include "src/cmd/cluster_health.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

namespace k8sgw {
namespace {

using Phase = kube::Health::Phase;

class ClusterHealthTest : public testing::Test {
 protected:
  ClusterHealthTest() {
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_));
    logger->set_pattern("%l|%v");
    spdlog::set_default_logger(logger);
  }
  ~ClusterHealthTest() override { spdlog::set_default_logger(before_); }

  // What was logged since the last call.
  std::string Log() {
    std::string out = log_.str();
    log_.str("");
    return out;
  }
  std::string NameOf(size_t kind) const { return std::string(kinds.at(kind).info->plural); }
  // Of the nth kind that is followed.
  bool Tell(size_t kind, Phase phase, const std::string& ns = "") {
    return Tell(kind, phase, absl::UnavailableError("no"), ns);
  }
  bool Tell(size_t kind, Phase phase, const absl::Status& error, const std::string& ns = "") {
    return health.Tell(kinds.at(kind), ns, {phase, true, error}, now);
  }

  const std::vector<cluster::WatchedKind> kinds = cluster::AllWatchedKinds();
  ClusterHealth health;
  ClusterHealth::Time now{std::chrono::hours(1)};

 private:
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream log_;
};

TEST_F(ClusterHealthTest, AKindThatIsRefusedIsNamedAndNothingIsSaidOfOthers) {
  Tell(1, Phase::kRetrying, absl::NotFoundError("not there"), "a");
  const std::string name = NameOf(1) + " in a";
  EXPECT_EQ(Log(), "warning|" + name + " cannot be heard for now: not there; what was said of them last stays\n");
  Tell(1, Phase::kRetrying, absl::NotFoundError("not there"), "a");
  EXPECT_EQ(Log(), "") << "once";
  Tell(1, Phase::kWatching, absl::OkStatus(), "a");
  EXPECT_EQ(Log(), "info|" + name + " are heard again\n");
  Tell(2, Phase::kRetrying, absl::PermissionDeniedError("forbidden"));
  EXPECT_EQ(Log(), "warning|" + NameOf(2) + " cannot be heard for now: forbidden; what was said of them last stays\n");
}

TEST_F(ClusterHealthTest, AServerThatIsAwayIsSaidOfTheCluster) {
  for (const size_t kind : {0U, 1U, 2U}) Tell(kind, Phase::kRetrying);
  EXPECT_EQ(Log(), "warning|the cluster cannot be heard (" + NameOf(0) + "): no; what it said last stays\n");
  Tell(0, Phase::kWatching);
  // It has just started, and does not know all kinds yet.
  Tell(1, Phase::kRetrying, absl::NotFoundError("not there"));
  EXPECT_EQ(Log(), "warning|" + NameOf(1) + " cannot be heard for now: not there; what was said of them last stays\n");
  Tell(2, Phase::kWatching);
  EXPECT_EQ(Log(), "") << "not yet all of it";
  Tell(1, Phase::kWatching);
  EXPECT_EQ(Log(), "info|the cluster is heard again\n");
}

TEST_F(ClusterHealthTest, TheClusterIsHeardWhenTheLastKindTurnsOutToBeAbsent) {
  for (const size_t kind : {0U, 1U}) Tell(kind, Phase::kRetrying);
  Tell(0, Phase::kWatching);
  Log();
  Tell(1, Phase::kAbsent, absl::NotFoundError("not there"));
  const std::string said = Log();
  EXPECT_TRUE(said.starts_with("info|the cluster is heard again\nwarning|" + NameOf(1) + " cannot be followed"))
      << said;
  // Where all are refused, nothing is heard.
  Tell(0, Phase::kRetrying);
  Log();
  Tell(0, Phase::kAbsent, absl::PermissionDeniedError("forbidden"));
  EXPECT_EQ(Log().find("heard again"), std::string::npos);
}

TEST_F(ClusterHealthTest, WhatIsDroppedIsNotWaitedFor) {
  Tell(0, Phase::kRetrying);
  Tell(0, Phase::kRetrying, "a");
  EXPECT_TRUE(health.away());
  health.Drop(kinds.at(0), "");
  EXPECT_TRUE(health.away());
  health.Drop(kinds.at(0), "a");
  EXPECT_FALSE(health.away());
  // It comes back, and was not absent.
  Tell(1, Phase::kAbsent);
  health.Drop(kinds.at(1), "");
  EXPECT_FALSE(Tell(1, Phase::kWatching));
}

TEST_F(ClusterHealthTest, OthersTryWhenTheFirstAndTheLastAreBack) {
  for (const size_t kind : {0U, 1U, 2U}) Tell(kind, Phase::kRetrying);
  EXPECT_TRUE(Tell(0, Phase::kWatching));
  now += std::chrono::seconds(2);
  EXPECT_FALSE(Tell(1, Phase::kWatching));
  EXPECT_TRUE(Tell(2, Phase::kWatching));
  EXPECT_FALSE(health.away());
  // The next outage.
  now += std::chrono::seconds(2);
  Tell(0, Phase::kRetrying);
  EXPECT_TRUE(Tell(0, Phase::kWatching));
  // A definition is installed.
  now += std::chrono::seconds(2);
  Tell(3, Phase::kAbsent);
  EXPECT_TRUE(Tell(3, Phase::kWatching));
}

// It answers 200 and ends all at once.
TEST_F(ClusterHealthTest, AServerThatLooksWellForAMomentIsNotAskedByAllAgainAndAgain) {
  for (size_t kind = 0; kind < kinds.size(); ++kind) Tell(kind, Phase::kRetrying);
  int pokes = 0;
  for (int i = 0; i < 100; ++i) {
    for (size_t kind = 0; kind < kinds.size(); ++kind) {
      now += std::chrono::milliseconds(10);
      pokes += Tell(kind, Phase::kWatching);
      Tell(kind, Phase::kRetrying);
    }
  }
  EXPECT_EQ(pokes, 1);
  // Of one kind alone: once in a second.
  for (size_t kind = 1; kind < kinds.size(); ++kind) health.Drop(kinds.at(kind), "");
  pokes = 0;
  for (int i = 0; i < 1000; ++i) {
    now += std::chrono::milliseconds(10);
    pokes += Tell(0, Phase::kWatching);
    Tell(0, Phase::kRetrying);
  }
  EXPECT_LE(pokes, 10);
  EXPECT_GE(pokes, 5);
}

}  // namespace
}  // namespace k8sgw
