#include "src/cli/table/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::cli {
namespace {

using ::testing::ElementsAre;

TEST(Table, HasAFrameAndColumnsOfOneWidth) {
  Table table({"NAME", "STATUS"});
  table.Add({{"a"}, {"Rejected", "no such thing"}});
  table.Add({{"größer"}, {"Accepted"}});
  EXPECT_EQ(table.Render(),
            "+--------+---------------+\n"
            "|  NAME  |    STATUS     |\n"
            "+--------+---------------+\n"
            "| a      | Rejected      |\n"
            "|        | no such thing |\n"
            "| größer | Accepted      |\n"
            "+--------+---------------+\n");
}

TEST(Table, WhatWouldMoveTheCursorIsShown) {
  Table table({"NAME"});
  table.Add({{"a\n\x1b[2Jb"}});
  EXPECT_THAT(table.Render(), ::testing::HasSubstr("| a\\n\\x1b[2Jb |"));
}

TEST(Table, CellsThatAreMissingAreEmpty) {
  Table table({"A", "B"});
  table.Add({{"x"}});
  EXPECT_THAT(table.Render(), ::testing::HasSubstr("| x |   |\n"));
}

TEST(Wrap, BreaksBetweenWords) {
  EXPECT_THAT(Wrap("one two three", 8), ElementsAre("one two", "three"));
  EXPECT_THAT(Wrap("one\ntwo", 8), ElementsAre("one", "two"));
  EXPECT_THAT(Wrap("", 8), ElementsAre());
}

TEST(Wrap, LongWordsAreCutBetweenCharacters) {
  EXPECT_THAT(Wrap("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(Wrap("ääää", 3), ElementsAre("ää", "ää"));
}

}  // namespace
}  // namespace k8sgw::cli
