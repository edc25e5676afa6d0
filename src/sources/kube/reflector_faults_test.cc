// What servers and networks do to a reflector.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/sources/kube/reflector.h"
#include "src/sources/kube/test_follower.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using namespace testing;  // NOLINT: this folder's
using Phase = Health::Phase;

TEST(ReflectorFaultsTest, ServersWithoutInitialEventsAreListed) {
  Follower follower;
  follower.Start();
  follower.Asked();
  follower.Answer(422, StatusJson(422, "Invalid"));
  EXPECT_EQ(follower.Asked(), "limit=500");
  follower.Answer(200, PageJson("9", {ObjectJson("a", "1")}, "t=1"));
  EXPECT_EQ(follower.syncs, 0);
  EXPECT_EQ(follower.Asked(), "limit=500&continue=t%3D1");
  follower.Answer(200, PageJson("9", {ObjectJson("b", "2")}));
  EXPECT_EQ(follower.syncs, 1);
  EXPECT_EQ(follower.Known(), "a=1 b=1");
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "9"));
  follower.Answer(410, StatusJson(410, "Expired"));
  follower.Wait();
  EXPECT_EQ(follower.Asked(), "limit=500") << "asked for initial events again";
}

TEST(ReflectorFaultsTest, StorageThatCannotSendInitialEventsIsListedForNow) {
  Follower follower;
  follower.Start();
  follower.Answer(500, StatusJson(500, "InternalError"));
  follower.Wait();
  EXPECT_EQ(follower.Asked(), "limit=500");
  follower.Answer(200, PageJson("9", {}));
  EXPECT_EQ(follower.syncs, 1);
  follower.Answer(410, StatusJson(410, "Expired"));
  follower.Wait();
  EXPECT_EQ(follower.Asked(), kInitial);
}

TEST(ReflectorFaultsTest, InitialEventsThatBreakTwiceOrNeverEndAreListed) {
  Follower follower;
  follower.Start();
  for (const char* next : {kInitial, "limit=500"}) {
    follower.Head(200);
    follower.Bytes(Line("ADDED", ObjectJson("x", "3")));
    follower.End();
    follower.Wait();
    EXPECT_EQ(follower.Asked(), next);
  }
  follower.Answer(200, PageJson("9", {ObjectJson("a", "1")}));
  EXPECT_EQ(follower.Known(), "a=1");

  Follower silent;
  silent.Start();
  silent.Head(200);
  silent.Bytes(Line("ADDED", ObjectJson("x", "3")));
  EXPECT_EQ(silent.Wait(), seconds(60));
  EXPECT_FALSE(silent.open);
  silent.Wait();
  EXPECT_EQ(silent.Asked(), "limit=500");
}

TEST(ReflectorFaultsTest, BackOffDoublesAndForgets) {
  Follower follower;
  follower.Start();
  std::vector<int64_t> waits;
  for (int i = 0; i < 9; ++i) {
    follower.End(absl::UnavailableError("refused"));
    waits.push_back(follower.Wait().count());
  }
  EXPECT_THAT(waits, ::testing::ElementsAre(200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000));
  EXPECT_EQ(ErrorOf(follower), "refused");
  follower.Head(200);
  follower.Bytes(Bookmark("1", true));
  EXPECT_EQ(ErrorOf(follower), "");
  follower.Pass(seconds(61));
  follower.End(absl::UnavailableError("cut"));
  EXPECT_EQ(follower.Wait(), milliseconds(200));
}

TEST(ReflectorFaultsTest, TheServerSaysHowLongToWait) {
  Follower follower;
  follower.Start();
  follower.Answer(429, "", 20);
  EXPECT_EQ(follower.Wait(), seconds(22));
  follower.Answer(503, StatusJson(503, "ServiceUnavailable", R"({"retryAfterSeconds":30})"));
  EXPECT_EQ(follower.Wait(), seconds(33));
  follower.Head(200);
  follower.Bytes(Bookmark("1", true) +
                 Line("ERROR", StatusJson(429, "TooManyRequests", R"({"retryAfterSeconds":10})")));
  EXPECT_EQ(follower.Wait(), seconds(11));
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "1"));
}

TEST(ReflectorFaultsTest, RefusedCredentialsAreReadAgain) {
  Synced follower;
  EXPECT_FALSE(follower.fresh_credentials);
  follower.End(absl::UnavailableError("cut"));
  follower.Wait();
  follower.Answer(401, StatusJson(401, "Unauthorized"));
  follower.Wait();
  EXPECT_TRUE(follower.fresh_credentials);
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "5"));
  follower.Head(200);
  follower.End(absl::UnavailableError("cut"));
  follower.Wait();
  EXPECT_FALSE(follower.fresh_credentials);
}

TEST(ReflectorFaultsTest, AKindThatMayBeListedAndNotWatchedIsAbsent) {
  Follower follower({.watch_list = false, .absent_after = seconds(10)});
  follower.Start();
  std::chrono::milliseconds waited{0};
  for (int i = 0; i < 100 && follower.reflector.health().phase != Phase::kAbsent; ++i) {
    follower.Answer(200, PageJson("5", {ObjectJson("a", "3")}));
    follower.Answer(403, "no");
    if (follower.reflector.health().phase != Phase::kAbsent) waited += follower.Wait();
  }
  EXPECT_EQ(follower.reflector.health().phase, Phase::kAbsent);
  EXPECT_EQ(waited, seconds(10));
  EXPECT_EQ(follower.Known(), "a=1");
}

// It knows nothing for a moment each time.
TEST(ReflectorFaultsTest, AServerThatStartsAgainAndAgainTakesNothingAway) {
  for (const int refusal : {403, 404}) {
    Synced follower({.absent_after = seconds(10)});
    const std::string known = follower.Known();
    ASSERT_NE(known, "");
    for (int start = 0; start < 5; ++start) {
      follower.End(absl::UnavailableError("cut"));
      follower.Wait();
      follower.Answer(refusal, "no");
      EXPECT_NE(follower.reflector.health().phase, Phase::kAbsent) << refusal << ", start " << start;
      follower.Wait();
      follower.End(absl::UnavailableError("cut"));
      follower.Pass(seconds(90));
    }
    EXPECT_EQ(follower.Known(), known);
    EXPECT_EQ(follower.syncs, 1);
  }
}

TEST(ReflectorFaultsTest, OfAForbiddenKindNobodyKnowsThatThereIsNothing) {
  Follower follower;
  follower.Start();
  for (int i = 0; i < 20; ++i) {
    follower.Answer(403, StatusJson(403, "Forbidden"));
    EXPECT_EQ(follower.reflector.health().phase, Phase::kAbsent);
    follower.Wait();
  }
  EXPECT_EQ(follower.syncs, 0);
}

// As all kinds are while a server starts.
TEST(ReflectorFaultsTest, ARefusedKindIsAskedForQuicklyAtFirst) {
  for (const bool known : {false, true}) {
    for (const bool comes : {false, true}) {
      Follower follower({.absent_after = seconds(10)});
      follower.Start();
      if (known) {
        follower.Answer(200, Line("ADDED", ObjectJson("a", "3")) + Bookmark("4", true));
        follower.Wait();
      }
      std::chrono::milliseconds waited{0};
      int tries = 0;
      while (waited < seconds(10)) {
        follower.Answer(tries % 2 ? 404 : 403, "no");
        EXPECT_EQ(follower.reflector.health().phase, known ? Phase::kRetrying : Phase::kConnecting) << tries;
        EXPECT_EQ(ErrorOf(follower), Cat("the API server answers ", tries % 2 ? 404 : 403, ": no"));
        waited += follower.Wait();
        ++tries;
      }
      EXPECT_EQ(waited, seconds(10));
      EXPECT_GT(tries, 4);
      if (comes) {
        follower.Answer(200, Line("ADDED", ObjectJson("a", "5", "2")) + Bookmark("6", true));
        EXPECT_EQ(follower.Known(), "a=2");
        // The next time counts anew.
        follower.Wait();
        follower.Answer(403, "no");
        EXPECT_EQ(follower.reflector.health().phase, Phase::kRetrying);
        continue;
      }
      follower.Answer(403, "no");
      EXPECT_EQ(follower.reflector.health().phase, Phase::kAbsent);
      EXPECT_EQ(follower.Wait(), seconds(15));
      EXPECT_EQ(follower.Known(), known ? "a=1" : "");
    }
  }
}

TEST(ReflectorFaultsTest, WhatTheServerSaysAboutItsTimeHoldsAgainstAPoke) {
  Synced follower;
  follower.Pass(seconds(2));
  follower.End();
  follower.Answer(429, StatusJson(429, "TooManyRequests"), 7);
  follower.Asked();
  follower.Pass(milliseconds(6900));
  follower.Poke();
  EXPECT_EQ(follower.Asked(), "");
  follower.Pass(milliseconds(100));
  follower.Poke();
  EXPECT_NE(follower.Asked(), "");
  // Without such a word, a poke counts at once.
  follower.Answer(503, StatusJson(503, "ServiceUnavailable"));
  follower.Asked();
  follower.Poke();
  EXPECT_NE(follower.Asked(), "");
}

TEST(ReflectorFaultsTest, AForbiddenKindKeepsItsObjects) {
  Synced follower;
  follower.Pass(seconds(2));
  follower.End();
  for (int i = 0; i < 100; ++i) {
    follower.Answer(403, StatusJson(403, "Forbidden"));
    EXPECT_EQ(follower.reflector.health().phase, Phase::kAbsent);
    follower.Wait();
  }
  EXPECT_EQ(follower.Known(), "a=1 b=1");
  EXPECT_EQ(follower.Asked(), kInitial) << "the history may have a hole";
}

TEST(ReflectorFaultsTest, AServerThatIsNotOlderIsWatchedFromWhereItWas) {
  Synced follower;
  follower.answers_looks = false;
  for (const char* version : {"5", "6", "v1", "10", ""}) {
    follower.End(absl::UnavailableError("cut"));
    follower.Wait();
    EXPECT_EQ(follower.Asked(), kLook);
    if (*version == 0) follower.Answer(503, StatusJson(503, "ServiceUnavailable"));
    if (*version == 0) follower.Wait();
    follower.Answer(200, PageJson(*version == 0 ? "10" : version, {ObjectJson("z", "1")}, "more"));
    EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "5")) << version;
    EXPECT_EQ(follower.Known(), "a=1 b=1");
    follower.Head(200);
  }
  // Nothing is looked at where nothing broke.
  follower.Pass(seconds(2));
  follower.End();
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "5"));
}

TEST(ReflectorFaultsTest, AServerThatWasRestoredFromABackupIsListedAnew) {
  Synced follower;
  follower.answers_looks = false;
  follower.Bytes(Bookmark("10"));
  for (int i = 0; i < 3; ++i) {
    follower.End(absl::UnavailableError("cut"));
    follower.Wait();
    EXPECT_EQ(follower.Asked(), kLook);
  }
  follower.Answer(200, PageJson("9", {}));
  EXPECT_EQ(follower.Asked(), kInitial);
  EXPECT_EQ(follower.Known(), "a=1 b=1") << "until all of it is there";
  follower.Head(200);
  follower.Bytes(Line("ADDED", ObjectJson("a", "2", "7")) + Bookmark("9", true));
  EXPECT_EQ(follower.Known(), "a=7");
}

TEST(ReflectorFaultsTest, LinesAreBounded) {
  Synced follower({.max_line_bytes = 1000});
  follower.Bytes(Line("ADDED", ObjectJson("large", "6", std::string(2000, '1'))).substr(0, 1500));
  EXPECT_FALSE(follower.open);
  EXPECT_EQ(ErrorOf(follower), "an object of /apis/g.x/v1/xs is larger than 1000 bytes: make it smaller, or delete it");
  EXPECT_EQ(follower.Known(), "a=1 b=1");
  follower.Wait();
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "5"));
}

TEST(ReflectorFaultsTest, LargePagesAreAskedForInSmallerOnes) {
  Follower follower({.watch_list = false, .page_limit = 8, .max_page_bytes = 1000});
  follower.Start();
  for (const char* next : {"limit=2", "limit=1"}) {
    follower.Head(200);
    follower.Bytes(std::string(1001, '{'));
    EXPECT_EQ(follower.Asked(), next);
  }
  follower.Head(200);
  follower.Bytes(std::string(1001, '{'));
  EXPECT_FALSE(follower.open);
  EXPECT_THAT(ErrorOf(follower), HasSubstr("a page of /apis/g.x/v1/xs is larger than 1000 bytes"));
}

TEST(ReflectorFaultsTest, WhatIsTooLargeAtOnceIsAskedForInPages) {
  Follower follower({.watch_list = false, .page_limit = 0, .max_page_bytes = 1000});
  follower.Start();
  EXPECT_EQ(follower.Asked(), "/apis/g.x/v1/xs");
  for (const char* next : {"limit=500", "limit=125"}) {
    follower.Head(200);
    follower.Bytes(std::string(1001, '{'));
    EXPECT_EQ(follower.Asked(), next);
  }
  follower.Answer(200, PageJson("9", {ObjectJson("a", "1")}, "t"));
  EXPECT_EQ(follower.Asked(), "limit=125&continue=t");
  follower.Answer(200, PageJson("9", {ObjectJson("b", "1")}));
  EXPECT_EQ(follower.Known(), "a=1 b=1");
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "9"));
}

TEST(ReflectorFaultsTest, UnreadablePlacesAreSkippedByListing) {
  Synced follower;
  for (int i = 0; i < 3; ++i) {
    follower.Bytes("{\"type\":\"ADDED\",\"object\":{}}\n");
    EXPECT_FALSE(follower.open);
    EXPECT_THAT(ErrorOf(follower), HasSubstr("without a name"));
    follower.Wait();
    EXPECT_EQ(follower.Asked(), i < 2 ? Cat(kWatchFrom, "5") : kInitial);
    follower.Head(200);
  }
  EXPECT_EQ(follower.Known(), "a=1 b=1");
}

TEST(ReflectorFaultsTest, OtherErrorEventsKeepThePlace) {
  Synced follower;
  follower.Bytes(Line("ADDED", ObjectJson("c", "6")) + Line("ERROR", StatusJson(500, "InternalError")));
  EXPECT_EQ(follower.Known(), "a=1 b=1 c=1");
  follower.Wait();
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "6"));
}

TEST(ReflectorFaultsTest, AServerThatWentBackIsListed) {
  Synced follower;
  follower.Pass(seconds(2));
  follower.End();
  follower.Answer(504, StatusJson(504, "Timeout", R"({"causes":[{"reason":"ResourceVersionTooLarge"}]})"));
  follower.Wait();
  EXPECT_EQ(follower.Asked(), kInitial);
}

TEST(ReflectorFaultsTest, SilenceIsNoAnswer) {
  Synced follower;
  EXPECT_EQ(follower.Wait(), seconds(480)) << "an open watch may be silent until after its end";
  EXPECT_FALSE(follower.open);
  follower.Wait();
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "5"));
  EXPECT_EQ(follower.Wait(), seconds(60)) << "but not before its answer begins";
  EXPECT_EQ(follower.reflector.health().phase, Phase::kRetrying);
  EXPECT_EQ(ErrorOf(follower), "no answer to /apis/g.x/v1/xs for too long");
}

}  // namespace
}  // namespace k8sgw::kube
