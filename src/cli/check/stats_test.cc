#include "src/cli/check/stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/text.h"

namespace k8sgw::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kGood[] =
    "cluster_manager.cds.update_rejected: 0\ncontrol_plane.connected_state: 1\n"
    "listener_manager.lds.update_failure: 3\nlistener_manager.lds.update_rejected: 0\n";

TEST(XdsStats, AGoodProxyIsGood) {
  EXPECT_THAT(CheckXdsStats("Pod a", ParseStats(kGood), ParseStats(kGood), false), IsEmpty());
}

TEST(XdsStats, TellsWhatIsWrong) {
  Stats after = ParseStats(kGood);
  after["control_plane.connected_state"] = 0;
  after["listener_manager.lds.update_rejected"] = 2;
  after["listener_manager.lds.update_failure"] = 4;
  const Findings found = CheckXdsStats("Pod a", ParseStats(kGood), after, true);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_THAT(found[0].what, HasSubstr("not connected"));
  EXPECT_THAT(found[1].what, HasSubstr("updates of listeners fail"));
  EXPECT_THAT(found[2].what, HasSubstr("Envoy refuses listeners"));
  for (const Finding& one : found) EXPECT_TRUE(one.error && !one.mend.empty()) << one.what;
}

TEST(XdsStats, TellsWhoIsServedWhatWasKept) {
  const auto of = [](const std::string& version) {
    const Stats stats = ParseStats(Cat(kGood, "cluster_manager.cds.version: ", version, "\n"));
    return CheckXdsStats("Pod a", stats, stats, true);
  };
  const Findings found = of("15724983608776060288");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].error);
  EXPECT_THAT(found[0].what, HasSubstr("had kept"));
  EXPECT_THAT(found[0].mend, HasSubstr("does a gloo pod run"));
  EXPECT_THAT(of("17241709254077376921"), IsEmpty());
}

TEST(XdsStats, ARefusalOfThePastIsAWarningWhenNobodyKnowsMore) {
  Stats stats = ParseStats(kGood);
  stats["http.x.rds.table.update_rejected"] = 1;
  EXPECT_THAT(CheckXdsStats("Pod a", stats, stats, true), IsEmpty()) << "its control plane knows better";
  const Findings found = CheckXdsStats("Pod a", stats, stats, false);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_FALSE(found[0].error);
  EXPECT_THAT(found[0].what, HasSubstr("has refused routes"));
}

TEST(XdsStats, AnyTextIsRead) {
  EXPECT_THAT(
      ParseStats("a: 1\nb\nc: x\n: \nhistogram: P0(nan,1)\nd: 2.5"),
      ElementsAre(std::pair<const std::string, double>("a", 1), std::pair<const std::string, double>("d", 2.5)));
}

}  // namespace
}  // namespace k8sgw::cli
