#include "src/sources/kube/reflector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/sources/kube/test_follower.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using namespace testing;  // NOLINT: this folder's
using Phase = Health::Phase;

TEST(ReflectorTest, NothingIsToldBeforeTheInitialEventsEnd) {
  Follower follower;
  follower.Start();
  EXPECT_EQ(follower.Asked(), kInitial);
  follower.Head(200);
  follower.Bytes(Line("ADDED", ObjectJson("a", "3")));
  follower.Bytes(Bookmark("3"));
  follower.Bytes(Line("ADDED", ObjectJson("b", "4")) + Line("ADDED", ObjectJson("c", "4")));
  follower.Bytes(Line("MODIFIED", ObjectJson("a", "5", "2")) + Line("DELETED", ObjectJson("c", "6")));
  EXPECT_EQ(follower.syncs, 0);
  EXPECT_FALSE(follower.reflector.health().synced);
  follower.Bytes(Bookmark("7", true));
  EXPECT_EQ(follower.syncs, 1);
  EXPECT_EQ(follower.Known(), "a=2 b=1");
  EXPECT_EQ(follower.reflector.health().phase, Phase::kWatching);
  EXPECT_EQ(follower.reflector.resource_version(), "7");
}

TEST(ReflectorTest, LiveEvents) {
  Synced follower;
  follower.Bytes(Line("MODIFIED", ObjectJson("a", "6", "2")) + Line("DELETED", ObjectJson("b", "7")) +
                 Line("ADDED", ObjectJson("c", "8")));
  EXPECT_EQ(follower.Known(), "a=2 c=1");
  EXPECT_EQ(follower.syncs, 1);
  EXPECT_EQ(follower.reflector.resource_version(), "8");
  follower.events = 0;
  follower.Bytes(Line("ADDED", ObjectJson("c", "8")) + Line("DELETED", ObjectJson("b", "9")));
  EXPECT_EQ(follower.events, 0) << "what is no news is not told";
}

TEST(ReflectorTest, BytesMayBeCutAnywhere) {
  const std::string all = Line("ADDED", ObjectJson("a", "3")) + "\n" + Bookmark("5", true) +
                          Line("ADDED", ObjectJson("b", "6")) + Line("DELETED", ObjectJson("a", "7"));
  for (size_t size = 1; size <= all.size(); ++size) {
    Follower follower;
    follower.Start();
    follower.Head(200);
    for (size_t at = 0; at < all.size(); at += size) follower.Bytes(all.substr(at, size));
    ASSERT_EQ(follower.Known(), "b=1") << size;
    ASSERT_EQ(follower.reflector.resource_version(), "7");
  }
}

TEST(ReflectorTest, APageThatFailsIsAskedForAgain) {
  Follower follower({.watch_list = false});
  follower.Start();
  follower.Asked();
  follower.Answer(200, PageJson("9", {ObjectJson("a", "1")}, "t"));
  follower.Answer(503, "no");
  follower.Wait();
  EXPECT_EQ(follower.Asked(), "limit=500&continue=t");
  follower.Head(200);
  follower.Bytes(PageJson("9", {ObjectJson("b", "1")}).substr(0, 90));
  follower.End(absl::UnavailableError("cut"));
  follower.Wait();
  EXPECT_EQ(follower.Asked(), "limit=500&continue=t");
  follower.Answer(200, PageJson("9", {ObjectJson("b", "1")}).substr(0, 90));
  follower.Wait();
  EXPECT_EQ(follower.syncs, 0);
  follower.Answer(200, PageJson("9", {ObjectJson("b", "1")}));
  EXPECT_EQ(follower.Known(), "a=1 b=1");
}

// As of a server that has a lot to do: what it says nothing of for less than a minute is not given up, however long all
// of it takes, and nothing of it is told before its end.
TEST(ReflectorTest, ASlowListIsWaitedFor) {
  const auto slowly = [](Follower& follower, std::string_view bytes) {
    follower.Pass(seconds(30));
    ASSERT_GT(follower.reflector.deadline(), follower.now);
    follower.Bytes(bytes);
  };
  for (const bool again : {false, true}) {
    Follower follower({.watch_list = false});
    follower.Start();
    if (again) {
      follower.Answer(200, PageJson("5", {ObjectJson("old", "3")}));
      follower.Answer(410, StatusJson(410, "Expired"));
      follower.Wait();
    }
    const std::string before = follower.Known();
    EXPECT_EQ(before, again ? "old=1" : "");
    follower.events = 0;
    follower.Pass(seconds(30));
    follower.Head(200);
    const std::string page = PageJson("9", {ObjectJson("a", "1"), ObjectJson("b", "1")}, "t");
    for (size_t at = 0; at < page.size(); at += 100) slowly(follower, std::string_view(page).substr(at, 100));
    follower.End();
    EXPECT_EQ(follower.Asked(), "limit=500&continue=t");
    follower.Pass(seconds(30));
    follower.Head(200);
    slowly(follower, PageJson("9", {ObjectJson("c", "1")}));
    EXPECT_EQ(follower.events, 0);
    EXPECT_EQ(follower.Known(), before);
    follower.End();
    EXPECT_EQ(follower.Known(), "a=1 b=1 c=1");
    EXPECT_EQ(follower.syncs, again ? 2 : 1);
  }
}

TEST(ReflectorTest, AListThatBreaksLeavesNothingOfIt) {
  Follower follower({.watch_list = false, .page_limit = 0});
  follower.Start();
  const std::string list = PageJson("9", {ObjectJson("a", "1"), ObjectJson("b", "1")});
  follower.Answer(200, list.substr(0, list.size() - 20));
  EXPECT_EQ(follower.syncs, 0);
  follower.Wait();
  follower.Answer(200, PageJson("10", {ObjectJson("b", "2", "2")}));
  EXPECT_EQ(follower.syncs, 1);
  EXPECT_EQ(follower.Known(), "b=2");
}

TEST(ReflectorTest, TheFirstWatchMayWaitForOtherKinds) {
  for (const bool poked : {false, true}) {
    Follower follower({.watch_list = false, .page_limit = 0, .first_watch_after = std::chrono::seconds(2)});
    follower.Start();
    follower.Asked();
    follower.Answer(200, PageJson("9", {ObjectJson("a", "1")}));
    EXPECT_EQ(follower.Known(), "a=1");
    EXPECT_EQ(follower.reflector.health().phase, Health::Phase::kWatching);
    EXPECT_EQ(follower.Asked(), "");
    if (poked)
      follower.Poke();
    else
      EXPECT_EQ(follower.Wait(), std::chrono::seconds(2));
    EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "9"));
    // Only the first time.
    follower.Head(200);
    follower.Bytes(Line("ERROR", StatusJson(410, "Expired")));
    follower.Wait();
    follower.Asked();
    follower.Answer(200, PageJson("20", {ObjectJson("a", "1")}));
    EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "20"));
  }
}

TEST(ReflectorTest, PreparesWhatIsNewWhileTheRestIsComing) {
  ReflectorOptions options{.watch_list = false, .page_limit = 0};
  std::vector<std::string> prepared;
  options.prepare = [&](const RawObject& object) {
    prepared.push_back(object.meta.name);
    return std::make_shared<const std::string>(object.json);
  };
  Reflector reflector({"g.x", "v1", "xs", ""}, options, [] { return 0.5; });
  const Reflector::Time now{std::chrono::hours(1)};
  reflector.Start(now);
  reflector.OnHead(now, 200, std::chrono::seconds(0));
  const std::string list = PageJson("9", {ObjectJson("a", "1"), ObjectJson("b", "1")});
  EXPECT_TRUE(reflector.OnBytes(now, std::string_view(list).substr(0, list.size() - 20)).batches.empty());
  EXPECT_EQ(prepared, std::vector<std::string>{"a"});
  reflector.OnBytes(now, std::string_view(list).substr(list.size() - 20));
  const Actions actions = reflector.OnEnd(now, absl::OkStatus());
  ASSERT_EQ(actions.batches.size(), 1u);
  ASSERT_EQ(actions.batches[0].events.size(), 2u);
  for (const Event& event : actions.batches[0].events)
    EXPECT_EQ(*std::static_pointer_cast<const std::string>(event.prepared), event.object.json);
}

TEST(ReflectorTest, WhenATokenExpiresAllIsAskedForAtOnce) {
  for (const bool other_version : {false, true}) {
    Follower follower({.watch_list = false});
    follower.Start();
    follower.Answer(200, PageJson("9", {ObjectJson("old", "1")}, "t"));
    if (other_version)
      follower.Answer(200, PageJson("11", {ObjectJson("b", "1")}));
    else
      follower.Answer(410, StatusJson(410, "Expired"));
    EXPECT_EQ(follower.syncs, 0);
    EXPECT_EQ(follower.Asked(), "/apis/g.x/v1/xs");
    follower.Answer(200, PageJson("12", {ObjectJson("a", "1")}));
    EXPECT_EQ(follower.Known(), "a=1");
    EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "12"));
  }
}

TEST(ReflectorTest, GoneMeansTheDifferenceInOneBatch) {
  for (const bool as_event : {false, true}) {
    Synced follower;
    if (as_event) {
      follower.Bytes(Line("ERROR", StatusJson(410, "Expired")));
      EXPECT_FALSE(follower.open);
    } else {
      follower.Pass(seconds(2));
      follower.End();
      follower.Answer(410, StatusJson(410, "Expired"));
    }
    EXPECT_EQ(follower.Known(), "a=1 b=1");
    EXPECT_EQ(follower.reflector.health().phase, Phase::kRetrying);
    follower.Asked();
    follower.Wait();
    EXPECT_EQ(follower.Asked(), kInitial);
    follower.Head(200);
    follower.events = 0;
    follower.Bytes(Line("ADDED", ObjectJson("a", "3")) + Line("ADDED", ObjectJson("c", "8")));
    EXPECT_EQ(follower.events, 0);
    follower.Bytes(Bookmark("9", true));
    EXPECT_EQ(follower.Known(), "a=1 c=1");
    EXPECT_EQ(follower.syncs, 2);
    EXPECT_EQ(follower.events, 2) << "a did not change";
  }
}

TEST(ReflectorTest, AServerThatComesBackWithoutHistoryIsListedAtOnce) {
  Synced follower;
  follower.Pass(seconds(100));
  for (int i = 0; i < 8; ++i) {
    follower.End(absl::UnavailableError("refused"));
    follower.Wait();
  }
  follower.Answer(410, StatusJson(410, "Expired"));
  EXPECT_EQ(follower.Wait(), milliseconds(200));
  follower.Head(200);
  follower.Bytes(Bookmark("9", true) + Line("ERROR", StatusJson(410, "Expired")));
  EXPECT_EQ(follower.Wait(), seconds(10)) << "but not again and again";
}

TEST(ReflectorTest, ASyncAndItsEndInOneRead) {
  Follower follower;
  follower.Start();
  follower.Head(200);
  follower.Bytes(Line("ADDED", ObjectJson("a", "3")) + Bookmark("4", true) + Line("ADDED", ObjectJson("b", "5")) +
                 Line("ERROR", StatusJson(410, "Expired")) + Line("ADDED", ObjectJson("c", "6")));
  EXPECT_EQ(follower.Known(), "a=1 b=1");
  follower.Wait();
  EXPECT_EQ(follower.Asked(), kInitial);
}

TEST(ReflectorTest, AWatchThatEndsGoesOnWhereItEnded) {
  Synced follower;
  follower.Bytes(Line("ADDED", ObjectJson("c", "6")) + Bookmark("opaque+8"));
  follower.Pass(seconds(300));
  follower.End();
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "opaque%2B8"));
  follower.Head(200);
  follower.Bytes(Line("ADDED", ObjectJson("d", "9")) + Line("ADDED", ObjectJson("e", "10")).substr(0, 50));
  follower.Pass(seconds(300));
  follower.End(absl::UnavailableError("cut"));
  EXPECT_EQ(follower.Known(), "a=1 b=1 c=1 d=1");
  EXPECT_EQ(follower.Wait(), milliseconds(200));
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "9"));
  follower.Head(200);
  follower.Bytes(Line("ADDED", ObjectJson("e", "10")) + Line("ADDED", ObjectJson("f", "11")).substr(0, 50));
  EXPECT_EQ(follower.Known(), "a=1 b=1 c=1 d=1 e=1");
  follower.Pass(seconds(300));
  follower.End();
  follower.Head(200);
  follower.Bytes(Line("ADDED", ObjectJson("f", "11")));
  EXPECT_EQ(follower.Known(), "a=1 b=1 c=1 d=1 e=1 f=1") << "half a line is forgotten";
  EXPECT_EQ(follower.syncs, 1);
}

TEST(ReflectorTest, WatchesThatEndAtOnceDoNotSpin) {
  Synced follower;
  milliseconds waited(0);
  for (int i = 0; i < 10; ++i) {
    follower.End();
    waited += follower.Wait();
    EXPECT_TRUE(follower.open);
    follower.Head(200);
  }
  EXPECT_GT(waited, seconds(40));
}

TEST(ReflectorTest, ManyObjectsComeInPiecesThatEndAnywhere) {
  const std::string spec = Cat(R"({"text":")", std::string(200, 'x'), R"(","list":[1,2,{"a":"b"}]})");
  std::string specs = spec;
  for (int i = 0; i < 9; ++i) specs += "," + spec;
  std::string all;
  for (int i = 0; i < 5000; ++i) all += Line("ADDED", ObjectJson(Cat("o", i), Cat(i), Cat("[", specs, "]")));
  all += Bookmark("5001", true);
  Reflector reflector({"g.x", "v1", "xs", ""}, {}, [] { return 0.5; });
  reflector.Start({});
  reflector.OnHead({}, 200, seconds(0));
  size_t told = 0;
  for (size_t at = 0; at < all.size(); at += 16384) {
    const Actions actions = reflector.OnBytes({}, std::string_view(all).substr(at, 16384));
    for (const Batch& batch : actions.batches) told += batch.events.size();
  }
  EXPECT_EQ(told, 5000u);
}

TEST(ReflectorTest, Selectors) {
  Follower follower({.label_selector = "a in (b,c)", .field_selector = "metadata.name=x"});
  follower.Start();
  EXPECT_THAT(follower.Asked(), HasSubstr("labelSelector=a%20in%20%28b%2Cc%29&fieldSelector=metadata.name%3Dx&"));
}

}  // namespace
}  // namespace k8sgw::kube
