// What a ClusterSource makes of kinds that are missing or forbidden, beside watches that a test speaks for.
#include "src/sources/cluster/cluster_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "api/gloo/v1/settings.proto.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/model/kubernetes.h"

namespace k8sgw::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kOwn[] = "gloo-system";
using Phase = kube::Health::Phase;

class ClusterSourceTest : public ::testing::Test {
 protected:
  struct Watch : kube::Watch {
    explicit Watch(ClusterSourceTest& its_test) : test(its_test) { test.watches.push_back(this); }
    ~Watch() override { std::erase(test.watches, this); }
    void Poke() override { ++pokes; }
    const std::string& version() const override { return is_at; }
    ClusterSourceTest& test;
    int pokes = 0;
    std::string is_at;
    kube::Resource resource;
    kube::ReflectorOptions options;
    Consumer consumer;
  };

  ClusterSourceTest() {
    source.emplace(
        [this](const kube::Resource& resource, kube::ReflectorOptions options, kube::Watch::Consumer consumer) {
          auto watch = std::make_unique<Watch>(*this);
          watch->resource = resource;
          watch->options = std::move(options);
          watch->consumer = std::move(consumer);
          return watch;
        },
        ClusterSource::Options{},
        ClusterSource::Consumer{[this](const WatchedKind& kind, const kube::Event& event) {
                                  if (event.kind != kube::Event::Kind::kDelete) return;
                                  told_gone.push_back(Cat(kind.info->plural, " ", event.object.meta.namespace_, "/",
                                                          event.object.meta.name));
                                },
                                [this](const WatchedKind& kind, const std::string& ns, const kube::Health& health) {
                                  const std::string what = Cat(kind.info->plural, " in ", ns);
                                  health.synced ? void(unheard.erase(what)) : void(unheard.insert(what));
                                },
                                [this](const WatchedKind& kind, const std::string& ns) {
                                  unheard.erase(Cat(kind.info->plural, " in ", ns));
                                }});
  }

  static std::string Json(const std::string& name, const std::string& rest) {
    const size_t slash = name.find('/');
    return Cat(R"({"metadata": {"namespace": ")", name.substr(0, slash), R"(", "name": ")", name.substr(slash + 1),
               "\"", rest, "}");
  }
  static std::string Labelled(const std::string& name, const std::string& label = "1") {
    return Json(name, Cat(R"(, "labels": {"n": ")", label, R"("}}, "spec": {})"));
  }
  static std::string Settings(const std::string& spec) {
    return Json("gloo-system/default", Cat(R"(}, "spec": )", spec));
  }

  std::vector<Watch*> Find(const std::string& plural, const std::string& ns) {
    std::vector<Watch*> out;
    for (Watch* watch : watches) {
      if (watch->resource.plural == plural && watch->resource.namespace_ == ns) out.push_back(watch);
    }
    return out;
  }
  Watch& At(const std::string& plural, const std::string& ns) {
    const std::vector<Watch*> found = Find(plural, ns);
    EXPECT_EQ(found.size(), 1U) << plural << " in " << ns;
    return *found.at(0);
  }
  static void Tell(Watch& watch, const std::vector<std::string>& objects, bool sync, const std::string& version = "") {
    if (!version.empty()) watch.is_at = version;
    kube::Batch batch;
    batch.sync = sync;
    std::vector<yaml::Padded> texts;
    for (const std::string& json : objects) texts.emplace_back(json);
    for (const yaml::Padded& text : texts) {
      kube::Event event;
      const auto object = yaml::FromJson(text.view());
      event.object.meta.namespace_ = object->Find("metadata")->FindScalar("namespace");
      event.object.meta.name = object->Find("metadata")->FindScalar("name");
      event.object.meta.resource_version = version;
      event.object.json = text.view();
      batch.events.push_back(std::move(event));
    }
    watch.consumer.on_batch(batch);
  }
  // A complete set.
  static void Sync(Watch& watch, const std::vector<std::string>& objects) {
    Tell(watch, objects, true);
    watch.consumer.on_health({Phase::kWatching, true, absl::OkStatus()});
  }
  static void Refuse(Watch& watch, Phase phase = Phase::kAbsent) {
    watch.consumer.on_health({phase, false, absl::PermissionDeniedError("no")});
  }
  // All that have said nothing yet, in this namespace or of the cluster.
  void RefuseAll(const std::string& ns) {
    for (Watch* watch : std::vector<Watch*>(watches)) {
      if (watch->resource.namespace_ == ns && watch->resource.plural != "settings") Refuse(*watch);
    }
  }
  void SyncAllEmpty(const std::string& ns) {
    for (Watch* watch : std::vector<Watch*>(watches)) {
      if (watch->resource.namespace_ == ns && watch->resource.plural != "settings") Sync(*watch, {});
    }
  }
  // "upstreams shop/a=1", or "-upstreams shop/a" of one that is gone; but nothing of Settings.
  std::vector<std::string> Take() {
    std::vector<std::string> out;
    for (const Change& change : source->Take().value_or(std::vector<Change>())) {
      if (change.key.kind == Kind::kSettings) continue;
      const std::string name = Cat(change.key.ns.str(), "/", change.key.name.str());
      out.push_back(change.gone() ? Cat("-", name) : Cat(name, "=", change.As<core::Service>()->labels.at("n")));
    }
    return out;
  }

  std::vector<Watch*> watches;
  std::vector<std::string> told_gone;
  // What a consumer thinks that it cannot hear.
  std::set<std::string> unheard;
  std::optional<ClusterSource> source;
};

class WithOneNamespace : public ClusterSourceTest {
 protected:
  WithOneNamespace() {
    SyncAllEmpty("");
    Sync(At("settings", kOwn), {Settings(R"({"watchNamespaces": ["shop"]})")});
    SyncAllEmpty("");
    SyncAllEmpty(kOwn);
    SyncAllEmpty("shop");
    Tell(At("services", "shop"), {Labelled("shop/a"), Labelled("shop/b")}, false);
    EXPECT_THAT(Take(), ElementsAre("shop/a=1", "shop/b=1"));
  }
  void WatchAll() { Tell(At("settings", kOwn), {Settings(R"({"watchNamespaces": ["*"]})")}, false); }
  // All have listed for the next policy; then one in force tells something newer than the list of this version.
  void FallBehind(const std::string& list_version) {
    WatchAll();
    SyncAllEmpty("");
    Tell(At("services", ""), {Labelled("shop/a"), Labelled("shop/b")}, true, list_version);
    Tell(At("services", "shop"), {Labelled("shop/a", "2")}, false, "99");
  }
};

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
