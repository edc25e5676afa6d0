#include "src/sources/kube/reflector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include "src/sources/kube/test_follower.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using namespace testing;  // NOLINT: this folder's
using Phase = Health::Phase;

// With a random fraction of 0.5, a watch lasts 450 s and jitter is 1.
constexpr char kInitial[] =
    "allowWatchBookmarks=true&timeoutSeconds=450&watch=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true";
constexpr char kWatchFrom[] = "allowWatchBookmarks=true&timeoutSeconds=450&watch=true&resourceVersion=";

// A reflector that knows a=1 and b=1 as of version 5.
struct Synced : Follower {
  explicit Synced(ReflectorOptions options = {}) : Follower(std::move(options)) {
    Start();
    Head(200);
    Bytes(Line("ADDED", ObjectJson("a", "3")) + Line("ADDED", ObjectJson("b", "4")) + Bookmark("5", true));
    EXPECT_EQ(Known(), "a=1 b=1");
    Asked();
  }
};

std::string ErrorOf(const Follower& follower) {
  return std::string(ToStd(follower.reflector.health().error.message()));
}

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

TEST(ReflectorTest, ServersWithoutInitialEventsAreListed) {
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

TEST(ReflectorTest, StorageThatCannotSendInitialEventsIsListedForNow) {
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

TEST(ReflectorTest, InitialEventsThatBreakTwiceOrNeverEndAreListed) {
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
    EXPECT_EQ(follower.Asked(), "/apis/g/v1/xs");
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
  EXPECT_GT(waited, seconds(60));
}

TEST(ReflectorTest, BackOffDoublesAndForgets) {
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

TEST(ReflectorTest, TheServerSaysHowLongToWait) {
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

TEST(ReflectorTest, RefusedCredentialsAreReadAgain) {
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

TEST(ReflectorTest, AMissingKindComesAlive) {
  Follower follower;
  follower.Start();
  follower.Answer(404, "404 page not found\n");
  EXPECT_EQ(follower.reflector.health().phase, Phase::kAbsent);
  EXPECT_EQ(ErrorOf(follower), "the API server answers 404: 404 page not found");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(follower.Wait(), seconds(15));
    follower.Answer(404, "404 page not found\n");
  }
  EXPECT_EQ(follower.syncs, 0);
  follower.Asked();
  follower.Poke();
  EXPECT_EQ(follower.Asked(), kInitial);
  follower.Head(200);
  follower.Bytes(Line("ADDED", ObjectJson("a", "3")) + Bookmark("4", true));
  EXPECT_EQ(follower.Known(), "a=1");
  EXPECT_EQ(follower.reflector.health().phase, Phase::kWatching);
}

TEST(ReflectorTest, AKindThatGoesMissingTakesItsObjectsWithItAfterAWhile) {
  Synced follower;
  follower.Pass(seconds(2));
  follower.End();
  for (int i = 0; i < 4; ++i) {
    follower.Answer(404, "404 page not found\n");
    EXPECT_EQ(follower.Known(), "a=1 b=1") << i;
    follower.Wait();
  }
  follower.Answer(404, "404 page not found\n");
  EXPECT_EQ(follower.Known(), "");
  EXPECT_EQ(follower.syncs, 2);
  follower.Wait();
  follower.Answer(404, "404 page not found\n");
  EXPECT_EQ(follower.syncs, 2);
}

TEST(ReflectorTest, AForbiddenKindKeepsItsObjects) {
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

TEST(ReflectorTest, LinesAreBounded) {
  Synced follower({.max_line_bytes = 1000});
  follower.Bytes(Line("ADDED", ObjectJson("large", "6", std::string(2000, '1'))).substr(0, 1500));
  EXPECT_FALSE(follower.open);
  EXPECT_EQ(ErrorOf(follower), "an object of /apis/g/v1/xs is larger than 1000 bytes: make it smaller, or delete it");
  EXPECT_EQ(follower.Known(), "a=1 b=1");
  follower.Wait();
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "5"));
}

TEST(ReflectorTest, LargePagesAreAskedForInSmallerOnes) {
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
  EXPECT_THAT(ErrorOf(follower), HasSubstr("a page of /apis/g/v1/xs is larger than 1000 bytes"));
}

TEST(ReflectorTest, UnreadablePlacesAreSkippedByListing) {
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

TEST(ReflectorTest, OtherErrorEventsKeepThePlace) {
  Synced follower;
  follower.Bytes(Line("ADDED", ObjectJson("c", "6")) + Line("ERROR", StatusJson(500, "InternalError")));
  EXPECT_EQ(follower.Known(), "a=1 b=1 c=1");
  follower.Wait();
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "6"));
}

TEST(ReflectorTest, AServerThatWentBackIsListed) {
  Synced follower;
  follower.Pass(seconds(2));
  follower.End();
  follower.Answer(504, StatusJson(504, "Timeout", R"({"causes":[{"reason":"ResourceVersionTooLarge"}]})"));
  follower.Wait();
  EXPECT_EQ(follower.Asked(), kInitial);
}

TEST(ReflectorTest, SilenceIsNoAnswer) {
  Synced follower;
  EXPECT_EQ(follower.Wait(), seconds(480)) << "an open watch may be silent until after its end";
  EXPECT_FALSE(follower.open);
  follower.Wait();
  EXPECT_EQ(follower.Asked(), Cat(kWatchFrom, "5"));
  EXPECT_EQ(follower.Wait(), seconds(60)) << "but not before its answer begins";
  EXPECT_EQ(follower.reflector.health().phase, Phase::kRetrying);
  EXPECT_EQ(ErrorOf(follower), "no answer to /apis/g/v1/xs for too long");
}

// A server makes and encrypts objects at some tens of MB/s, so decoding must not be what one waits for.
TEST(ReflectorTest, DecodingIsMuchFasterThanSending) {
  const std::string spec = Cat(R"({"text":")", std::string(200, 'x'), R"(","list":[1,2,{"a":"b"}]})");
  std::string specs = spec;
  for (int i = 0; i < 9; ++i) specs += "," + spec;
  std::string all;
  for (int i = 0; i < 5000; ++i) all += Line("ADDED", ObjectJson(Cat("o", i), Cat(i), Cat("[", specs, "]")));
  all += Bookmark("5001", true);
  Reflector reflector({"g", "v1", "xs", ""}, {}, [] { return 0.5; });
  reflector.Start({});
  reflector.OnHead({}, 200, seconds(0));
  const auto cpu_seconds = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  };
  const double start = cpu_seconds();
  size_t told = 0;
  for (size_t at = 0; at < all.size(); at += 16384) {
    const Actions actions = reflector.OnBytes({}, std::string_view(all).substr(at, 16384));
    for (const Batch& batch : actions.batches) told += batch.events.size();
  }
  const double spent = cpu_seconds() - start;
  EXPECT_EQ(told, 5000u);
  const double rate = static_cast<double>(all.size()) / 1e6 / spent;
  RecordProperty("megabytes_per_second", std::to_string(rate));
  printf("%zu MB of 5000 objects in %.1f ms of CPU, %.0f MB/s\n", all.size() / 1'000'000, spent * 1e3, rate);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_GT(rate, 100);
#endif
}

TEST(ReflectorTest, Selectors) {
  Follower follower({.label_selector = "a in (b,c)", .field_selector = "metadata.name=x"});
  follower.Start();
  EXPECT_THAT(follower.Asked(), HasSubstr("labelSelector=a%20in%20%28b%2Cc%29&fieldSelector=metadata.name%3Dx&"));
}

}  // namespace
}  // namespace k8sgw::kube
