#include "src/cmd/cluster_health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace k8sgw {
namespace {

using Phase = kube::Health::Phase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

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

  void Refuse(size_t kind, bool synced, absl::Status error = absl::PermissionDeniedError("no")) {
    health.Tell(kinds.at(kind), "", {Phase::kAbsent, synced, std::move(error)}, now);
  }
  size_t IndexOf(Kind kind) const {
    const auto is = [&](const cluster::WatchedKind& one) { return one.info->kind == kind; };
    return static_cast<size_t>(std::ranges::find_if(kinds, is) - kinds.begin());
  }

  const std::vector<cluster::WatchedKind> kinds = cluster::AllWatchedKinds();
  // What is known from an earlier process.
  std::set<Kind> known;
  ClusterHealth health{
      [this](const cluster::WatchedKind& kind, const std::string&) { return known.contains(kind.info->kind); }};
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

TEST_F(ClusterHealthTest, AKindThatWasHeardAndIsForbiddenIsNotHeard) {
  for (size_t kind = 0; kind < kinds.size(); ++kind) Tell(kind, Phase::kWatching);
  Refuse(1, true);
  EXPECT_TRUE(health.away());
  EXPECT_TRUE(health.has_old());
  Refuse(1, true);
  EXPECT_THAT(health.absent_kinds(), ElementsAre(Pair(Pair(std::string(kinds.at(1).info->plural), true), 1)));
  Tell(1, Phase::kWatching);
  EXPECT_FALSE(health.away());
  EXPECT_TRUE(health.absent_kinds().empty());
  // It is forbidden, and nobody needs it any more.
  Refuse(1, true);
  health.Drop(kinds.at(1), "");
  EXPECT_FALSE(health.away());
  // Its definition is gone: that is heard.
  Refuse(1, true);
  Refuse(1, true, absl::NotFoundError("gone"));
  EXPECT_FALSE(health.away());
  EXPECT_THAT(health.absent_kinds(), ElementsAre(Pair(Pair(std::string(kinds.at(1).info->plural), false), 1)));
}

TEST_F(ClusterHealthTest, SomethingThatAnswers404InThePlaceOfTheServerMakesAllOld) {
  for (size_t kind = 0; kind < kinds.size(); ++kind) Tell(kind, Phase::kWatching);
  Log();
  Refuse(IndexOf(Kind::kService), true, absl::NotFoundError("404"));
  EXPECT_TRUE(health.away()) << "every server has Services";
  EXPECT_TRUE(health.has_old());
  EXPECT_THAT(Log(), HasSubstr("every API server has them: see what answers in the place of this one"));
  Tell(IndexOf(Kind::kService), Phase::kWatching);
  EXPECT_FALSE(health.away());
  for (size_t kind = 0; kind < kinds.size(); ++kind) Refuse(kind, true, absl::NotFoundError("404"));
  EXPECT_TRUE(health.away());
}

TEST_F(ClusterHealthTest, AKindThatNobodyEverHeardOrKnowsMakesNothingOld) {
  Tell(0, Phase::kWatching);
  Refuse(1, false);
  EXPECT_FALSE(health.away());
  // What is known of it was recalled.
  known.insert(kinds.at(2).info->kind);
  Refuse(2, false);
  EXPECT_TRUE(health.away());
  Tell(2, Phase::kWatching);
  EXPECT_FALSE(health.away());
  const size_t nodes = IndexOf(Kind::kNode);
  known.insert(Kind::kNode);
  Refuse(nodes, true);
  EXPECT_FALSE(health.away()) << "rights in some namespaces never reach them";
}

TEST_F(ClusterHealthTest, WhenEverythingIsForbiddenNothingIsHeard) {
  for (size_t kind = 0; kind < kinds.size(); ++kind) Refuse(kind, false);
  EXPECT_TRUE(health.away());
  EXPECT_FALSE(health.has_old());
  Tell(0, Phase::kWatching);
  EXPECT_FALSE(health.away());
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
