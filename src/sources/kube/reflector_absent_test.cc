// Kinds that are missing, and what it takes until their objects are gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/sources/kube/reflector.h"
#include "src/sources/kube/served.h"
#include "src/sources/kube/test_follower.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace testing;  // NOLINT: this folder's
using Phase = Health::Phase;

constexpr char kServed[] = "/apis/g.x/v1";
constexpr char kMissing[] = "404 page not found\n";

// A kind that was heard, and is missing from now on, while others hear something.
struct Missing : Synced {
  explicit Missing(std::shared_ptr<History> its_history = std::make_shared<History>())
      : Synced({.max_served_bytes = 1000, .history = its_history}), history(std::move(its_history)) {
    Pass(seconds(2));
    End();
    Asked();
  }

  // The kind is asked for, and missing.
  void Miss() {
    history->Saw(0, "6", now);
    Answer(404, kMissing);
  }
  // Until it is asked what is served. How long that took.
  milliseconds UntilAsked() {
    const Time begin = now;
    for (int i = 0; i < 100 && Known() == "a=1 b=1"; ++i) {
      if (!open) Wait();
      Asked();
      Miss();
      EXPECT_EQ(reflector.health().phase, Phase::kAbsent);
      EXPECT_EQ(ErrorOf(*this), "the API server answers 404: 404 page not found");
      if (open) break;
    }
    EXPECT_TRUE(open);
    return std::chrono::duration_cast<milliseconds>(now - begin);
  }

  const std::shared_ptr<History> history;
};

TEST(ReflectorAbsentTest, AMissingKindComesAlive) {
  const auto history = std::make_shared<History>();
  Follower follower({.history = history});
  follower.Start();
  follower.Answer(404, "404 page not found\n");
  EXPECT_EQ(follower.reflector.health().phase, Phase::kAbsent);
  EXPECT_EQ(ErrorOf(follower), "the API server answers 404: 404 page not found");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(follower.Wait(), seconds(15));
    history->Saw(0, "1", follower.now);
    follower.Asked();
    follower.Answer(404, "404 page not found\n");
    if (follower.Asked() == kServed) follower.Answer(200, KindsJson({"ys"}));
  }
  EXPECT_EQ(follower.syncs, 1) << "after a while it is told, once, that there is nothing";
  EXPECT_FALSE(follower.reflector.health().synced);
  follower.Asked();
  follower.Poke();
  EXPECT_EQ(follower.Asked(), kInitial);
  follower.Head(200);
  follower.Bytes(Line("ADDED", ObjectJson("a", "3")) + Bookmark("4", true));
  EXPECT_EQ(follower.Known(), "a=1");
  EXPECT_EQ(follower.reflector.health().phase, Phase::kWatching);
}

TEST(ReflectorAbsentTest, ADefinitionThatGoesTakesItsObjectsWithIt) {
  for (const bool whole_group : {false, true}) {
    Missing follower;
    EXPECT_EQ(follower.UntilAsked(), seconds(60));
    EXPECT_EQ(follower.Known(), "a=1 b=1");
    EXPECT_EQ(follower.Asked(), kServed);
    if (whole_group) {
      follower.Answer(404, kMissing);
      EXPECT_EQ(follower.Known(), "a=1 b=1");
      EXPECT_EQ(follower.Asked(), kGroupsPath);
      follower.Answer(200, GroupsJson({{"apps", "v1"}}));
    } else {
      follower.Answer(200, KindsJson({"ys"}));
    }
    EXPECT_EQ(follower.Known(), "");
    EXPECT_EQ(follower.syncs, 2);
    EXPECT_EQ(follower.reflector.health().phase, Phase::kAbsent);
    EXPECT_EQ(ErrorOf(follower), "the API server answers 404: 404 page not found");
    // It is told once, and nothing more is asked than whether it is there again.
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(follower.Wait(), seconds(15));
      EXPECT_EQ(follower.Asked(), kInitial);
      follower.Miss();
      EXPECT_EQ(follower.Asked(), "");
    }
    EXPECT_EQ(follower.syncs, 2);
    follower.Wait();
    follower.Answer(200, Line("ADDED", ObjectJson("a", "8", "2")) + Bookmark("9", true));
    EXPECT_EQ(follower.Known(), "a=2");
  }
}

// A server that is broken by half says so to all that it is asked anew, while open watches go on.
TEST(ReflectorAbsentTest, AKindThatIsServedStaysWhateverItAnswers) {
  struct Answered {
    int code;
    std::string body;
    int then = 0;  // to the question for all groups
    std::string groups{};
  };
  const std::string html = "<html>not here</html>";
  for (const Answered& one : std::vector<Answered>{
           {200, KindsJson({"ys", "xs"})},
           {404, kMissing, 404, kMissing},
           {404, kMissing, 200, GroupsJson({{"apps", "v1"}, {"g.x", "v1"}})},
           {404, kMissing, 200, html},
           {404, kMissing, 403, StatusJson(403, "Forbidden")},
           {404, GroupsJson({{"apps", "v1"}}), 404, GroupsJson({{"apps", "v1"}})},
           {403, StatusJson(403, "Forbidden")},
           {401, StatusJson(401, "Unauthorized")},
           {406, KindsJson({"ys"})},
           {429, StatusJson(429, "TooManyRequests")},
           {200, html},
           {200, ""},
           {200, KindsJson({"ys"}).substr(0, 100)},
           {200, KindsJson(std::vector<std::string>(50, "ys"))},
       }) {
    Missing follower;
    const auto answer = [&] {
      EXPECT_EQ(follower.Asked(), kServed);
      follower.Answer(one.code, one.body);
      if (one.then == 0) return;
      EXPECT_EQ(follower.Asked(), kGroupsPath);
      follower.Answer(one.then, one.groups);
    };
    follower.UntilAsked();
    answer();
    // Asked again, each time later, up to two minutes; the kind itself every 15 seconds.
    std::vector<int64_t> waits;
    for (int i = 0; i < 6; ++i) {
      EXPECT_FALSE(follower.open);
      EXPECT_EQ(follower.reflector.deadline(), follower.now + seconds(15));
      EXPECT_EQ(ErrorOf(follower), "the API server answers 404: 404 page not found");
      waits.push_back(follower.UntilAsked().count() / 1000);
      answer();
    }
    EXPECT_THAT(waits, ::testing::ElementsAre(15, 30, 60, 120, 120, 120)) << one.code << one.body;
    EXPECT_EQ(follower.Known(), "a=1 b=1") << one.code << one.body;
    EXPECT_EQ(follower.syncs, 1);
    // A definition that then goes, after all.
    follower.UntilAsked();
    follower.Answer(200, KindsJson({"ys"}));
    EXPECT_EQ(follower.Known(), "");
  }
}

TEST(ReflectorAbsentTest, AKindThatIsServedComesBack) {
  Missing follower;
  follower.UntilAsked();
  follower.Answer(404, kMissing);
  follower.Answer(404, kMissing);
  follower.Wait();
  EXPECT_EQ(follower.Asked(), kInitial);
  follower.events = 0;
  follower.Answer(200, Line("ADDED", ObjectJson("a", "3")) + Line("ADDED", ObjectJson("b", "4")) + Bookmark("8", true));
  EXPECT_EQ(follower.Known(), "a=1 b=1");
  EXPECT_EQ(follower.events, 0) << "nothing has changed";
}

// What a server says that has just started is no proof, so the minute begins anew.
TEST(ReflectorAbsentTest, AServerThatBreaksWhenItIsAskedWhatItServesTakesNothingAway) {
  for (const bool slow : {false, true}) {
    for (const int code : {0, 200, 503}) {
      Missing follower;
      follower.UntilAsked();
      if (code != 0) follower.Head(code);
      if (slow) {
        // However little comes at a time: the kind is not asked for meanwhile.
        for (int i = 0; i < 3 && code != 0; ++i) {
          follower.Pass(seconds(15));
          follower.Bytes("{");
        }
        EXPECT_EQ(follower.Wait(), code != 0 ? seconds(15) : seconds(60));
      } else {
        code == 503 ? follower.End() : follower.End(absl::UnavailableError("cut"));
      }
      EXPECT_FALSE(follower.open);
      EXPECT_EQ(follower.reflector.health().phase, Phase::kAbsent);
      EXPECT_EQ(follower.Wait(), seconds(15));
      EXPECT_EQ(follower.Known(), "a=1 b=1");
      follower.Miss();
      EXPECT_FALSE(follower.open);
      EXPECT_EQ(follower.UntilAsked(), seconds(60));
    }
  }
}

TEST(ReflectorAbsentTest, TheServerSaysWhenItMayBeAskedAgainWhatItServes) {
  Missing follower;
  follower.UntilAsked();
  follower.Answer(429, StatusJson(429, "TooManyRequests"), 100);
  EXPECT_EQ(follower.UntilAsked(), seconds(105));
  // Nor does what wakes a kind make it ask more often.
  follower.Answer(403, StatusJson(403, "Forbidden"));
  follower.Asked();
  for (int i = 0; i < 10; ++i) {
    follower.Poke();
    EXPECT_EQ(follower.Asked(), kInitial);
    follower.Miss();
    EXPECT_EQ(follower.Asked(), "");
  }
}

TEST(ReflectorAbsentTest, OfMetadataAloneItIsAskedInPlainWords) {
  const auto history = std::make_shared<History>();
  Reflector reflector({"g.x", "v1", "xs", "ns"}, {.metadata_alone = true, .history = history}, [] { return 0.5; });
  Reflector::Time now{std::chrono::hours(1)};
  std::optional<Fetch> fetch = reflector.Start(now).fetch;
  for (int i = 0; i < 20 && fetch->target != kServed; ++i) {
    history->Saw(0, "6", now);
    reflector.OnHead(now, 404, seconds(0));
    fetch = reflector.OnEnd(now, absl::OkStatus()).fetch;
    if (fetch) break;
    now = *reflector.deadline();
    fetch = reflector.OnTimer(now).fetch;
  }
  ASSERT_TRUE(fetch);
  EXPECT_EQ(fetch->target, kServed);
  EXPECT_EQ(fetch->accept, "application/json");
}

// What stands before a server may say so in its place, for hours.
TEST(ReflectorAbsentTest, AKindStaysWhenEverythingIsMissing) {
  const auto history = std::make_shared<History>();
  Synced follower({.history = history});
  follower.Pass(seconds(2));
  follower.End();
  const auto ask = [&](int times) {
    for (int i = 0; i < times; ++i) {
      follower.Answer(404, "404 page not found\n");
      EXPECT_EQ(follower.reflector.health().phase, Phase::kAbsent);
      EXPECT_EQ(follower.Known(), "a=1 b=1");
      follower.Wait();
    }
  };
  ask(2);
  // What was on its way when that began.
  history->Saw(0, "6", follower.now);
  ask(1000);
  // The server is back, and does not know its definitions yet.
  history->Saw(0, "7", follower.now);
  ask(3);
  follower.Head(200);
  follower.Bytes(Line("ADDED", ObjectJson("a", "3")) + Bookmark("8", true));
  EXPECT_EQ(follower.Known(), "a=1");
}

TEST(ReflectorAbsentTest, WhatEveryServerHasIsNeverGone) {
  for (const Resource& resource :
       {Resource{"", "v1", "services", ""}, Resource{"discovery.k8s.io", "v1", "endpointslices", ""}}) {
    const auto history = std::make_shared<History>();
    Reflector reflector(resource, {.history = history}, [] { return 0.5; });
    Reflector::Time now{std::chrono::hours(1)};
    reflector.Start(now);
    for (int i = 0; i < 100; ++i) {
      reflector.OnHead(now, 404, seconds(0));
      const Actions actions = reflector.OnEnd(now, absl::OkStatus());
      EXPECT_TRUE(actions.batches.empty() && !actions.fetch) << resource.plural;
      history->Saw(0, "6", now);
      now = *reflector.deadline();
      reflector.OnTimer(now);
    }
  }
}

}  // namespace
}  // namespace k8sgw::kube
