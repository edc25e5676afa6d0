// What a ClusterSource makes of kinds that are missing or forbidden, beside watches that a test speaks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/sources/cluster/test_cluster_source.h"

namespace k8sgw::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using namespace testing;  // NOLINT: this folder's

TEST_F(WithOneNamespace, WhatAWiderPolicyMayNotReadStaysAndIsFollowedOn) {
  WatchAll();
  RefuseAll("");
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_TRUE(source->complete());
  EXPECT_THAT(source->awaited(), IsEmpty());
  // It was a policy of all namespaces that came into force.
  EXPECT_TRUE(source->Counts("other"));
  EXPECT_FALSE(source->IsHeard("v1", "services", "shop"));
  // The watch of before goes on.
  Tell(At("services", "shop"), {Labelled("shop/a", "2")}, false);
  EXPECT_THAT(Take(), ElementsAre("shop/a=2"));
  // Rights are granted: what its own watch says counts, and the other has nothing to say any more.
  Watch& all = At("services", "");
  Watch& old = At("services", "shop");
  Sync(all, {Labelled("shop/a", "3"), Labelled("other/c")});
  Tell(old, {Labelled("shop/a", "2"), Labelled("shop/b", "2")}, false);
  EXPECT_THAT(Take(), UnorderedElementsAre("shop/a=3", "other/c=1", "-shop/b"));
  EXPECT_THAT(told_gone, ElementsAre("services shop/b"));
  EXPECT_THAT(Find("services", "shop"), IsEmpty());
  EXPECT_EQ(Find("upstreams", "shop").size(), 1U) << "others are still refused";
}

// What one sees of a server that went back, all take into account.
TEST_F(WithOneNamespace, AllWatchesShareTheHistoryOfTheServer) {
  WatchAll();
  const std::shared_ptr<kube::History> history = At("settings", kOwn).options.history;
  ASSERT_NE(history, nullptr);
  for (const Watch* watch : watches) EXPECT_EQ(watch->options.history, history) << watch->resource.plural;
}

TEST_F(WithOneNamespace, OnlyWhatIsRefusedIsKept) {
  WatchAll();
  for (Watch* watch : std::vector<Watch*>(watches)) {
    if (watch->resource.namespace_.empty()) watch->resource.plural == "secrets" ? Refuse(*watch) : Sync(*watch, {});
  }
  EXPECT_THAT(Take(), ElementsAre("-shop/a", "-shop/b"));
  // No watch saw them go, but whoever heard of them hears that.
  EXPECT_THAT(told_gone, ElementsAre("services shop/a", "services shop/b"));
  EXPECT_EQ(Find("secrets", "shop").size(), 1U);
  EXPECT_THAT(Find("services", "shop"), IsEmpty());
}

// And back, before the rights came.
TEST_F(WithOneNamespace, APolicyThatIsTakenBackFindsEverythingAsItIs) {
  WatchAll();
  RefuseAll("");
  EXPECT_THAT(Take(), IsEmpty());
  Tell(At("settings", kOwn), {Settings(R"({"watchNamespaces": ["shop"]})")}, false);
  const std::vector<Watch*> two = Find("services", "shop");
  ASSERT_EQ(two.size(), 2U) << "one stands in until the other has heard";
  for (const std::string ns : {kOwn, "shop"}) {
    for (Watch* watch : std::vector<Watch*>(watches)) {
      if (watch->resource.namespace_ != ns || watch->resource.plural == "settings") continue;
      if (std::ranges::count(two, watch) == 0) Sync(*watch, {});
    }
  }
  Tell(*two[0], {Labelled("shop/a", "2")}, false);
  Sync(*two[1], {Labelled("shop/a", "2")});
  EXPECT_THAT(Take(), UnorderedElementsAre("shop/a=2", "-shop/b"));
  EXPECT_THAT(Find("services", "shop"), ElementsAre(two[1]));
  EXPECT_THAT(Find("services", ""), IsEmpty());
}

TEST_F(WithOneNamespace, WhatWasHeardInVainIsTakenBack) {
  WatchAll();
  Sync(At("services", ""), {Labelled("shop/a"), Labelled("other/c")});
  EXPECT_THAT(told_gone, IsEmpty());
  // Before that is in force.
  Tell(At("settings", kOwn), {Settings(R"({"watchNamespaces": ["shop"]})")}, false);
  EXPECT_THAT(told_gone, ElementsAre("services other/c"));
  EXPECT_THAT(Take(), IsEmpty());
}

// The server was away between the lists of two kinds.
TEST_F(WithOneNamespace, AListThatIsOlderThanWhatIsInForceIsFollowedFirst) {
  FallBehind("98");
  Watch& next = At("services", "");
  Tell(At("services", "shop"), {Labelled("shop/c")}, false, "102");
  EXPECT_THAT(Take(), UnorderedElementsAre("shop/a=2", "shop/c=1"));
  EXPECT_FALSE(source->Counts("other"));
  EXPECT_THAT(source->awaited(), ElementsAre("the latest changes"));
  EXPECT_EQ(next.pokes, 1) << "its watch begins, once";
  Tell(next, {Labelled("shop/a", "2")}, false, "99");
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_FALSE(source->Counts("other"));
  EXPECT_EQ(next.pokes, 1);
  Tell(next, {Labelled("shop/c")}, false, "102");
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_TRUE(source->Counts("other"));
}

// A list tells them by name.
TEST_F(WithOneNamespace, TheNewestOfAListIsWaitedFor) {
  FallBehind("98");
  Tell(At("services", "shop"), {Labelled("shop/b")}, true, "5");
  At("services", "shop").is_at = "99";
  EXPECT_THAT(Take(), ElementsAre("shop/a=2"));
  EXPECT_FALSE(source->Counts("other"));
}

TEST_F(WithOneNamespace, WhatIsRefusedMeanwhileIsNotWaitedFor) {
  FallBehind("98");
  EXPECT_THAT(Take(), ElementsAre("shop/a=2"));
  Refuse(At("services", ""), Phase::kRetrying);
  Take();
  EXPECT_TRUE(source->Counts("other"));
}

// The next watch was refused after its list, and does not know what the one in force has told since.
TEST_F(WithOneNamespace, WhatWasToldSinceAKindIsRefusedStaysAndIsFollowedOn) {
  WatchAll();
  SyncAllEmpty("");
  Tell(At("services", ""), {Labelled("shop/a"), Labelled("shop/b"), Labelled("other/c")}, true, "98");
  Watch& old = At("services", "shop");
  Tell(old, {Labelled("shop/d")}, false, "99");
  Delete(old, "shop/b");
  Refuse(At("services", ""), Phase::kRetrying);
  EXPECT_THAT(Take(), UnorderedElementsAre("-shop/b", "shop/d=1", "other/c=1"));
  EXPECT_TRUE(source->Counts("other"));
  EXPECT_FALSE(source->IsHeard("v1", "services", "shop"));
  Tell(old, {Labelled("shop/a", "3")}, false);
  EXPECT_THAT(Take(), ElementsAre("shop/a=3"));
  told_gone.clear();
  Sync(At("services", ""), {Labelled("shop/a", "3"), Labelled("other/c")});
  EXPECT_THAT(Take(), ElementsAre("-shop/d"));
  EXPECT_THAT(told_gone, ElementsAre("services shop/d"));
  EXPECT_THAT(Find("services", "shop"), IsEmpty());
}

// The consumer would write what it believes that the server does not have, or not write what it lacks.
TEST_F(WithOneNamespace, NoVersionIsToldAfterANewerOne) {
  FallBehind("98");
  told.clear();
  Tell(At("services", ""), {Labelled("shop/a", "1")}, false, "98");
  EXPECT_THAT(told, IsEmpty());
  Tell(At("services", ""), {Labelled("shop/a", "3")}, false, "100");
  Tell(At("services", "shop"), {Labelled("shop/a", "2")}, false, "99");
  Tell(At("services", "shop"), {Labelled("shop/a", "3")}, false, "100");
  EXPECT_THAT(told, ElementsAre("services shop/a 100", "services shop/a 100"));
}

TEST_F(WithOneNamespace, NothingIsWaitedForEndlessly) {
  FallBehind("98");
  int takes = 0;
  for (; takes < 10'000 && !source->Counts("other"); ++takes) Take();
  EXPECT_GT(takes, 100);
  EXPECT_TRUE(source->Counts("other"));
}

// All of its versions are older.
TEST_F(WithOneNamespace, ARestoredServerIsNotWaitedFor) {
  FallBehind("50");
  EXPECT_THAT(Take(), ElementsAre("shop/a=2"));
  EXPECT_FALSE(source->Counts("other"));
  At("services", "shop").is_at = "51";
  Take();
  EXPECT_FALSE(source->Counts("other"));
  At("services", "").is_at = "51";
  EXPECT_THAT(Take(), ElementsAre("shop/a=1"));
  EXPECT_TRUE(source->Counts("other"));
}

TEST_F(WithOneNamespace, WhatIsDroppedIsTakenBack) {
  WatchAll();
  RefuseAll("");
  EXPECT_TRUE(unheard.contains("upstreams in "));
  // Before that is in force.
  Tell(At("settings", kOwn), {Settings(R"({"watchNamespaces": ["shop"]})")}, false);
  EXPECT_THAT(unheard, ElementsAre("namespaces in ", "nodes in "));
  WatchAll();
  RefuseAll("");
  // In force, and of no concern any more, while the watches of before stand in.
  EXPECT_THAT(Take(), IsEmpty());
  Refuse(At("upstreams", "shop"), Phase::kRetrying);
  EXPECT_TRUE(unheard.contains("upstreams in "));
  EXPECT_FALSE(unheard.contains("upstreams in shop"));
  Tell(At("settings", kOwn), {Settings(R"({"watchNamespaces": ["other"]})")}, false);
  SyncAllEmpty("other");
  SyncAllEmpty(kOwn);
  EXPECT_THAT(Take(), ElementsAre("-shop/a", "-shop/b"));
  EXPECT_THAT(unheard, ElementsAre("namespaces in ", "nodes in "));
}

// The API server takes what is nested more deeply than we read.
TEST_F(WithOneNamespace, WhatCannotBeReadKeepsTheVersionBeforeAndHasAProblem) {
  const std::string deep = Json(
      "shop/a", Cat(R"(, "labels": {"n": "2"}}, "spec": {"x": )", std::string(300, '['), std::string(300, ']'), "}"));
  Watch& services = At("services", "shop");
  const auto tell = [&](const std::string& json) {
    const yaml::Padded padded(json);
    kube::Event event;
    event.object.meta.namespace_ = "shop";
    event.object.meta.name = "a";
    event.object.json = padded.view();
    kube::Batch batch;
    batch.events.push_back(std::move(event));
    services.consumer.on_batch(batch);
  };
  tell(deep);
  EXPECT_THAT(source->Take(), ::testing::Optional(IsEmpty())) << "the problem alone is new";
  EXPECT_EQ(source->store().All().size(), 3U) << "with Settings";
  ASSERT_EQ(source->problems().size(), 1U);
  EXPECT_THAT(source->problems()[0].ToString(),
              ::testing::StartsWith(
                  "error: Service shop/a: it cannot be read: no JSON object: it is nested too deeply: write it with"));
  // The same in a list, where objects are decoded while others are coming.
  const yaml::Padded padded(deep);
  kube::RawObject raw;
  raw.meta.namespace_ = "shop";
  raw.meta.name = "a";
  raw.json = padded.view();
  const auto prepared = std::static_pointer_cast<const DecodedDocument>(services.options.prepare(raw));
  EXPECT_THAT(prepared->keys, ElementsAre(ResourceKey{Kind::kService, "shop", "a"}));
  tell(deep);
  EXPECT_FALSE(source->Take().has_value());
  tell(Labelled("shop/a", "3"));
  EXPECT_THAT(Take(), ElementsAre("shop/a=3"));
  EXPECT_THAT(source->problems(), IsEmpty());
}

// Settings that are deleted stay in force, and nobody can mend them any more.
TEST_F(WithOneNamespace, WhatWasWrongWithDeletedSettingsIsGone) {
  Tell(At("settings", kOwn), {Settings(R"({"statik": {}})")}, false);
  Take();
  EXPECT_EQ(source->problems().size(), 1U);
  Delete(At("settings", kOwn), "gloo-system/default");
  EXPECT_THAT(source->Take(), ::testing::Optional(IsEmpty())) << "that there is no problem is new";
  EXPECT_THAT(source->problems(), IsEmpty());
  EXPECT_NE(source->settings(), nullptr);
  EXPECT_FALSE(source->Counts("other"));
}

class WithAMemory : public ClusterSourceTest {
 protected:
  WithAMemory() {
    const auto recall = [&](const char* api_version, const char* plural, const std::string& json) {
      source->Recall(api_version, plural, yaml::Padded(json).view());
    };
    recall("gloo.solo.io/v1", "settings", Settings(R"({"watchNamespaceSelectors": [{"matchLabels": {"w": "1"}}]})"));
    recall("v1", "namespaces", R"({"metadata": {"name": "shop", "labels": {"w": "1"}}})");
    recall("v1", "services", Labelled("shop/a"));
    EXPECT_EQ(source->TakeRecalled().size(), 2U);
  }
};

TEST_F(WithAMemory, WhatIsForbiddenAtTheStartStaysAsItWasKnown) {
  Refuse(At("settings", kOwn));
  Refuse(At("namespaces", ""));
  RefuseAll("");
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_TRUE(source->complete());
  EXPECT_EQ(source->store().All().size(), 2U);
  EXPECT_TRUE(source->Counts("shop")) << "by the labels that are known";
  EXPECT_FALSE(source->Counts("other"));
  EXPECT_FALSE(source->IsHeard("v1", "namespaces", ""));
  EXPECT_FALSE(source->IsHeard("gloo.solo.io/v1", "settings", kOwn));
  // A kind that is missing for long is told to be empty; see Reflector.
  Tell(At("services", ""), {}, true);
  EXPECT_THAT(Take(), ElementsAre("-shop/a"));
  EXPECT_THAT(told_gone, ElementsAre("services shop/a"));
  EXPECT_TRUE(source->IsHeard("v1", "services", "shop"));
}

// Told early, and broken in the lists for other namespaces: what was told is its last good version.
TEST_F(ClusterSourceTest, WhatWasToldEarlyIsTheLastGoodOfWhatIsBrokenInTheFirstWorld) {
  const std::string broken = Json("shop/u", R"(}, "spec": {"statik": {}})");
  const auto sync = [&](const std::string& ns, const std::string& upstream, bool others) {
    for (Watch* watch : std::vector<Watch*>(watches)) {
      const std::string& plural = watch->resource.plural;
      if (watch->resource.namespace_ != ns || plural == "settings") continue;
      if (plural == "upstreams") {
        Sync(*watch, {upstream});
      } else if (others || plural != "routetables") {
        Sync(*watch, {});
      }
    }
  };
  SyncAllEmpty("");
  Sync(At("settings", kOwn), {Settings(R"({"watchNamespaces": ["shop"]})")});
  SyncAllEmpty("");
  SyncAllEmpty(kOwn);
  sync("shop", Json("shop/u", R"(}, "spec": {"static": {"hosts": [{"addr": "a", "port": 1}]}})"), false);
  const std::vector<Change> early = source->TakeEarly();
  ASSERT_EQ(std::ranges::count(early, Kind::kUpstream, [](const Change& change) { return change.key.kind; }), 1);
  Tell(At("settings", kOwn), {Settings(R"({"watchNamespaces": ["shop", "other"]})")}, false);
  for (const char* ns : {"", "other", kOwn}) SyncAllEmpty(ns);
  sync("shop", broken, true);
  const auto first = source->Take();
  ASSERT_TRUE(first.has_value());
  const auto upstream =
      std::ranges::find(*first, Kind::kUpstream, [](const Change& change) { return change.key.kind; });
  ASSERT_NE(upstream, first->end());
  EXPECT_FALSE(upstream->gone());
  EXPECT_EQ(source->problems().size(), 1U);
}

TEST_F(ClusterSourceTest, NodesAloneAreNotWaitedFor) {
  Sync(At("settings", kOwn), {});
  for (Watch* watch : std::vector<Watch*>(watches)) {
    EXPECT_EQ(watch->options.absent_after, std::chrono::seconds(10)) << watch->resource.plural;
    if (watch->resource.plural == "settings" || watch->resource.plural == "services") continue;
    watch->resource.plural == "nodes" ? Refuse(*watch, Phase::kConnecting) : Sync(*watch, {});
  }
  Watch& services = At("services", "");
  Refuse(services, Phase::kConnecting);
  EXPECT_FALSE(source->Take().has_value()) << "perhaps the server has not loaded them";
  EXPECT_THAT(source->awaited(), ElementsAre("services"));
  Refuse(services);
  EXPECT_TRUE(source->Take().has_value()) << "they are absent";
}

}  // namespace
}  // namespace k8sgw::cluster
