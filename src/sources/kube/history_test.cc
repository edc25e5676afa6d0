// What watches of one API server make of it together, when it was restored from a backup of a moment ago.
#include "src/sources/kube/history.h"

#include <gtest/gtest.h>

#include "src/sources/kube/test_follower.h"

namespace k8sgw::kube {
namespace {

using testing::Bookmark;
using testing::Follower;
using testing::kInitial;
using testing::kLook;
using testing::kWatchFrom;
using testing::Line;
using testing::ObjectJson;
using testing::PageJson;
using testing::Synced;

class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest() { quiet.answers_looks = busy.answers_looks = false; }

  static void Break(Synced& follower) {
    follower.End(absl::UnavailableError("cut"));
    follower.Wait();
  }
  static void Look(Synced& follower, std::string_view version) {
    EXPECT_EQ(follower.Asked(), kLook);
    follower.Answer(200, PageJson(version, {}));
  }
  static void List(Synced& follower, std::string_view version) {
    EXPECT_EQ(follower.Asked(), kInitial);
    follower.Head(200);
    follower.Bytes(Bookmark(version, true));
  }

  const std::shared_ptr<History> history = std::make_shared<History>();
  // At version 5, both.
  Synced quiet{{.history = history}};
  Synced busy{{.history = history}};
};

TEST_F(HistoryTest, AQuietKindIsListedWhenTheServerIsOlderThanWhatAnotherHasSeen) {
  busy.Bytes(Line("ADDED", ObjectJson("c", "100")));
  Break(quiet);
  Look(quiet, "50");
  List(quiet, "50");
  EXPECT_EQ(quiet.Known(), "");
  // The counter passes what the other has seen before that one is answered.
  Break(busy);
  List(busy, "200");
  EXPECT_EQ(busy.Known(), "");
}

TEST_F(HistoryTest, TheOthersListWhenTheirTurnComes) {
  busy.Bytes(Bookmark("100"));
  Break(busy);
  Break(quiet);
  Look(busy, "50");
  List(busy, "50");
  // It has asked before that was known, and is answered after it.
  Look(quiet, "120");
  List(quiet, "121");
  // All is well from then on.
  for (Synced* one : {&busy, &quiet}) {
    Break(*one);
    Look(*one, "121");
    EXPECT_TRUE(one->Asked().starts_with(kWatchFrom));
  }
}

TEST_F(HistoryTest, AWatchThatComesToItsEndIsListedAsWell) {
  busy.Bytes(Bookmark("100"));
  Break(busy);
  Look(busy, "50");
  quiet.Pass(std::chrono::seconds(2));
  quiet.End();
  EXPECT_EQ(quiet.Asked(), kInitial);
}

TEST_F(HistoryTest, WhatComesWhileTheServerIsAskedIsNotHeldAgainstIt) {
  Break(quiet);
  busy.Bytes(Bookmark("100"));
  Look(quiet, "50");
  EXPECT_EQ(quiet.Asked(), Cat(kWatchFrom, "5"));
}

TEST_F(HistoryTest, WhatIsStillSaidOfTheHistoryBeforeIsNotHeldAgainstTheNewOne) {
  busy.Bytes(Bookmark("100"));
  Break(quiet);
  Look(quiet, "50");
  List(quiet, "50");
  busy.Bytes(Bookmark("110"));
  Break(quiet);
  Look(quiet, "60");
  EXPECT_EQ(quiet.Asked(), Cat(kWatchFrom, "50"));
}

// Each time when a request of its own breaks, and not when others do.
TEST_F(HistoryTest, AKindWithACounterOfItsOwnCostsOneListEach) {
  busy.Bytes(Bookmark("1000"));
  Break(quiet);
  Look(quiet, "6");
  List(quiet, "6");
  Break(busy);
  List(busy, "1001");
  for (const char* version : {"1002", "1003", "1004"}) {
    Break(busy);
    Look(busy, version);
    EXPECT_EQ(busy.Asked(), Cat(kWatchFrom, "1001"));
    busy.Head(200);
    quiet.Pass(std::chrono::seconds(2));
    quiet.End();
    EXPECT_EQ(quiet.Asked(), Cat(kWatchFrom, "6"));
    quiet.Head(200);
  }
}

TEST_F(HistoryTest, AListThatIsStillComingBeginsAnew) {
  Follower pages({.watch_list = false, .page_limit = 1, .history = history});
  pages.Start();
  EXPECT_EQ(pages.Asked(), "limit=1");
  busy.Bytes(Bookmark("100"));
  Break(quiet);
  Look(quiet, "50");
  pages.Answer(200, PageJson("100", {ObjectJson("old", "7")}, "more"));
  EXPECT_EQ(pages.Asked(), "limit=1") << "and not what follows that page";
  pages.Answer(200, PageJson("50", {ObjectJson("new", "8")}));
  EXPECT_EQ(pages.Known(), "new=1");
}

TEST(History, VersionsAreNumbersOrNothingIsSaid) {
  EXPECT_TRUE(IsOlder("9", "10"));
  EXPECT_TRUE(IsOlder("10", "11"));
  EXPECT_FALSE(IsOlder("10", "10"));
  EXPECT_FALSE(IsOlder("10", "9"));
  EXPECT_FALSE(IsOlder("", "9"));
  EXPECT_FALSE(IsOlder("a9", "b10"));
}

}  // namespace
}  // namespace k8sgw::kube
