#include "src/base/regex.h"

#include <gtest/gtest.h>

namespace k8sgw {
namespace {

TEST(CheckRegex, SpeaksWithTheWordsOfRe2) {
  EXPECT_TRUE(CheckRegex("/a/[0-9]+", kDefaultMaxProgramSize).empty());
  EXPECT_EQ(CheckRegex("(", kDefaultMaxProgramSize).message, "regex \"(\" is invalid: missing ): (");
  // RE2 has neither look-around nor back references.
  EXPECT_FALSE(CheckRegex("(?!a)", kDefaultMaxProgramSize).empty());
  EXPECT_FALSE(CheckRegex("(a)\\1", kDefaultMaxProgramSize).empty());
}

TEST(CheckRegex, LimitsTheProgram) {
  uint32_t size = 0;
  EXPECT_TRUE(CheckRegex("a{10}", 100, &size).empty());
  EXPECT_GT(size, 10u);
  EXPECT_LT(size, 20u);
  EXPECT_EQ(CheckRegex("a{100}", 100, &size).message,
            "regex \"a{100}\" compiles to a program of size 104, and 100 is the most");
  EXPECT_EQ(size, 104u);
}

TEST(CheckRegex, DoesNotRepeatALongOne) {
  EXPECT_LT(CheckRegex(std::string(10'000, '('), kDefaultMaxProgramSize).message.size(), 300u);
  EXPECT_LT(CheckRegex(std::string(10'000, 'a'), kDefaultMaxProgramSize).message.size(), 300u);
}

TEST(CheckSubstitution, NamesNoMoreGroupsThanThereAre) {
  EXPECT_TRUE(CheckSubstitution("(a)", "\\1").empty());
  EXPECT_TRUE(CheckSubstitution("(", "\\1").empty());
  EXPECT_FALSE(CheckSubstitution("a", "\\1").empty());
  EXPECT_FALSE(CheckSubstitution("a", "\\").message.ends_with('.'));
}

}  // namespace
}  // namespace k8sgw
