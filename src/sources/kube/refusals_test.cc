#include "src/sources/kube/refusals.h"

#include <gmock/gmock.h>

#include <vector>

#include "src/sources/kube/api_status.h"

namespace k8sgw::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

WriteResult Answer(int code) {
  WriteResult result;
  result.details.code = code;
  result.details.message = code == 403 ? "upstreams \"a\" is forbidden" : "no";
  result.status = ToStatus(result.details);
  return result;
}

class RefusalsTest : public ::testing::Test {
 protected:
  void Note(const std::string& what, int code) { refusals_.Note(what, "patch", Answer(code)); }

  std::vector<std::string> told_;
  Refusals refusals_{[this](const std::string& message) { told_.push_back(message); }};
};

TEST_F(RefusalsTest, EachIsToldOnce) {
  for (int i = 0; i < 3; ++i) Note("statuses of upstreams", 403);
  Note("statuses of gateways", 403);
  ASSERT_EQ(told_.size(), 2u);
  EXPECT_THAT(told_[0], ::testing::StartsWith("statuses of upstreams cannot be written: the API server answers 403"));
  EXPECT_THAT(told_[0], ::testing::HasSubstr("upstreams \"a\" is forbidden: grant patch"));
}

TEST_F(RefusalsTest, WhatIsTakenAgainIsTold) {
  Note("a", 200);
  Note("a", 403);
  Note("a", 200);
  Note("a", 200);
  Note("a", 403);
  ASSERT_EQ(told_.size(), 3u);
  EXPECT_EQ(told_[1], "a can be written again");
}

TEST_F(RefusalsTest, WhatPassesIsNotTold) {
  for (const int code : {0, 404, 409, 422, 429, 500, 503}) Note("a", code);
  EXPECT_THAT(told_, IsEmpty());
}

TEST(RefusalsNobodyTest, NobodyNeedListen) { Refusals(nullptr).Note("a", "patch", Answer(403)); }

}  // namespace
}  // namespace k8sgw::kube
