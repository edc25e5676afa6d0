#include "src/gateway/regex_check.h"

#include <gtest/gtest.h>

namespace k8sgw::gateway {
namespace {

TEST(CheckRegex, SpeaksWithTheWordsOfRe2) {
  EXPECT_EQ(CheckRegex("/a/[0-9]+", std::nullopt), "");
  EXPECT_EQ(CheckRegex("(", std::nullopt), "regex \"(\" is invalid: missing ): (");
  // RE2 has neither look-around nor back references.
  EXPECT_NE(CheckRegex("(?!a)", std::nullopt), "");
  EXPECT_NE(CheckRegex("(a)\\1", std::nullopt), "");
}

TEST(CheckRegex, LimitsTheProgram) {
  EXPECT_EQ(CheckRegex("a{100}", std::nullopt), "");
  EXPECT_EQ(CheckRegex("a{10}", 100), "");
  EXPECT_NE(CheckRegex("a{100}", 100).find("more than Settings' regexMaxProgramSize of 100"), std::string::npos);
}

}  // namespace
}  // namespace k8sgw::gateway
