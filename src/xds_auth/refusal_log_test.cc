#include "src/xds_auth/refusal_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/text.h"

namespace k8sgw::xds_auth {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

xds::Refusal Of(const std::string& peer, const std::string& role = "a~b") {
  return {peer, role, absl::PermissionDeniedError("no")};
}

TEST(RefusalLog, EachAddressAndRoleOnceInAMinute) {
  RefusalLog log;
  const RefusalLog::Time start{};
  EXPECT_EQ(log.Line(Of("ipv4:10.0.0.7:1"), start), "ipv4:10.0.0.7:1, which asks for the role a~b, got nothing: no");
  EXPECT_FALSE(log.Line(Of("ipv4:10.0.0.7:2"), start + 59s)) << "another port is the same address";
  EXPECT_EQ(log.Line(Of("ipv4:10.0.0.7:3", ""), start + 59s),
            "ipv4:10.0.0.7:3 got nothing: no (1 more were refused before)");
  EXPECT_EQ(log.Line(Of("ipv4:10.0.0.7:4"), start + 60s),
            "ipv4:10.0.0.7:4, which asks for the role a~b, got nothing: no");
}

TEST(RefusalLog, AFloodIsNotOneOfTheLog) {
  RefusalLog log;
  int lines = 0;
  for (int i = 0; i < 100'000; ++i) {
    const RefusalLog::Time now{i * 1ms / 10};
    if (log.Line(Of(Cat("ipv4:10.0.", i / 256, ".", i % 256, ":1")), now)) ++lines;
  }
  EXPECT_EQ(lines, 10 + 9) << "ten, and one in each of ten seconds";
}

TEST(RefusalLog, NothingThatCallersSayEndsALine) {
  RefusalLog log;
  const auto line = log.Line({"ipv4:1.2.3.4:5", "a~b\n2026 error: forged" + std::string(100'000, 'x'),
                              absl::PermissionDeniedError("\x1b[2J\n")},
                             {});
  ASSERT_TRUE(line);
  EXPECT_THAT(*line, Not(HasSubstr("\n")));
  EXPECT_THAT(*line, Not(HasSubstr("\x1b")));
  EXPECT_LT(line->size(), 400U);
}

}  // namespace
}  // namespace k8sgw::xds_auth
