#include "src/pipeline/problem_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const ResourceKey kA{Kind::kVirtualService, "n", "a"};
const ResourceKey kB{Kind::kVirtualService, "n", "b"};

Problem Of(const ResourceKey& object, const std::string& message) {
  return {object, Severity::kError, "p", message, ""};
}

TEST(ProblemTableTest, KnowsTheProblemsOfAnObjectAndTheirProxies) {
  ProblemTable table;
  table.Set("x", "1", {Of(kA, "m"), Of(kB, "m")});
  table.Set("y", "1", {Of(kA, "m"), Of(kA, "l")}, "r1");
  table.Set("y", "2", {Of(kA, "m")}, "r2");
  auto findings = table.Of(kA);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].problem.message, "l");
  EXPECT_THAT(findings[0].roles, ElementsAre("r1"));
  EXPECT_THAT(findings[1].roles, ElementsAre("r1", "r2"));
  EXPECT_THAT(table.Of(kB)[0].roles, IsEmpty());
  EXPECT_THAT(table.RolesWithProblems(), ElementsAre("r1", "r2"));
  Problem notice = Of(kA, "n");
  notice.severity = Severity::kNotice;
  table.Set("y", "3", {notice}, "r3");
  EXPECT_THAT(table.RolesWithProblems(), ElementsAre("r1", "r2"));
  table.Set("y", "3", {}, "r3");
  table.Set("y", "1", {}, "r1");
  findings = table.Of(kA);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].roles, ElementsAre("r2"));
  table.Set("y", "2", {}, "r2");
  table.Set("x", "1", {});
  EXPECT_THAT(table.Of(kA), IsEmpty());
  EXPECT_THAT(table.RolesWithProblems(), IsEmpty());
  EXPECT_EQ(table.CountErrors(), 0u);
}

TEST(ProblemTableTest, TellsWhichObjectsChangedBesidesTheDifference) {
  ProblemTable table;
  table.Set("x", "1", {Of(kA, "m")});
  EXPECT_EQ(table.TakeDifference().added.size(), 1u);
  EXPECT_THAT(table.TakeChangedObjects(), ElementsAre(kA));
  EXPECT_THAT(table.TakeChangedObjects(), IsEmpty());
  table.Set("x", "2", {Of(kB, "m")}, "r");
  EXPECT_THAT(table.TakeChangedObjects(), ElementsAre(kB));
  EXPECT_EQ(table.TakeDifference().added.size(), 1u);
  // The same problem, now of another proxy too.
  table.Set("x", "3", {Of(kB, "m")}, "s");
  EXPECT_THAT(table.TakeDifference().added, IsEmpty());
  EXPECT_THAT(table.TakeChangedObjects(), ElementsAre(kB));
  table.Set("x", "1", {});
  EXPECT_THAT(table.TakeChangedObjects(), ElementsAre(kA));
}

}  // namespace
}  // namespace k8sgw
