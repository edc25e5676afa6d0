#include "src/sources/cluster/kept_objects.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "src/base/test_folder.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/sources/cluster/object_store.h"

namespace k8sgw::cluster {
namespace {

const ResourceKey kService{Kind::kVirtualService, "shop", "cart"};

class KeptObjectsTest : public ::testing::Test {
 protected:
  KeptObjectsTest() { Restart(); }

  void Restart() {
    kept.reset();
    auto texts = state::LastGoodTexts::Open((folder / "kept").string());
    ASSERT_TRUE(texts.ok()) << texts.status();
    kept = std::make_unique<KeptObjects>(std::move(*texts));
  }

  void Observe(const std::string& plural, const std::string& json, const std::string& name = "cart") {
    const auto kinds = AllWatchedKinds();
    const auto is = [&](const WatchedKind& kind) { return kind.info->plural == plural; };
    const WatchedKind& kind = *std::find_if(kinds.begin(), kinds.end(), is);
    const yaml::Padded padded(json);
    kube::Event event;
    event.kind = json.empty() ? kube::Event::Kind::kDelete : kube::Event::Kind::kUpsert;
    event.object.meta.name = name;
    event.object.meta.namespace_ = "shop";
    event.object.json = padded.view();
    kept->Observe(kind, event);
  }

  std::vector<std::string> All() const {
    std::vector<std::string> out;
    kept->ForEach([&](std::string_view api_version, std::string_view plural, std::string_view json) {
      EXPECT_EQ(json.data()[json.size()], '\0') << "no padding";
      out.push_back(Cat(api_version, " ", plural, " ", json));
    });
    return out;
  }

  testing::TestFolder folder;
  std::unique_ptr<KeptObjects> kept;
};

TEST_F(KeptObjectsTest, OutliveTheProcess) {
  Observe("virtualservices", R"({"metadata": {"name": "cart", "namespace": "shop"}, "spec": {"displayName": "a"}})");
  Observe("pods", R"({"metadata": {"name": "p", "labels": {"n": "1"}}})", "p");
  EXPECT_EQ(*kept->Keep({}, 10), true);
  Restart();
  EXPECT_EQ(All(), (std::vector<std::string>{
                       R"(gateway.solo.io/v1 virtualservices {"metadata": {"name": "cart", "namespace": "shop"}, )"
                       R"("spec": {"displayName": "a"}})",
                       R"(v1 pods {"metadata": {"name": "p", "labels": {"n": "1"}}})"}));
}

TEST_F(KeptObjectsTest, WhatChangesAllTheTimeIsNotKept) {
  Observe("virtualservices",
          R"({"metadata": {"name": "cart", "generation": 7, "resourceVersion": "9", "managedFields": [{}],)"
          R"( "annotations": {"generation": "x", "kubectl.kubernetes.io/last-applied-configuration": "y"}},)"
          R"( "status": {"state": 1}, "spec": {"status": {}}})");
  EXPECT_EQ(*kept->Keep({}, 10), true);
  EXPECT_EQ(All(), (std::vector<std::string>{
                       R"(gateway.solo.io/v1 virtualservices {"metadata": {"name": "cart", "annotations": )"
                       R"({"generation": "x"}}, "spec": {"status": {}}})"}));
}

TEST_F(KeptObjectsTest, OfPodsTheLabelsAreKept) {
  Observe(
      "pods",
      R"({"kind": "PartialObjectMetadata", "metadata": {"name": "p", "namespace": "shop", "uid": "u",)"
      R"( "labels": {"metadata": "1", "uid": "2"}, "annotations": {"big": "x"}, "ownerReferences": [{"name": "r"}]}})",
      "p");
  EXPECT_EQ(*kept->Keep({}, 10), true);
  EXPECT_EQ(All(), (std::vector<std::string>{R"(v1 pods {"metadata": {"name": "p", "namespace": "shop", )"
                                             R"("labels": {"metadata": "1", "uid": "2"}}})"}));
}

TEST_F(KeptObjectsTest, FaultyOnesWaitUntilTheyAreGood) {
  Observe("virtualservices", R"({"spec": "good"})");
  EXPECT_EQ(*kept->Keep({}, 10), true);
  Observe("virtualservices", R"({"spec": "faulty"})");
  EXPECT_EQ(*kept->Keep({kService}, 10), true);
  EXPECT_EQ(All(), std::vector<std::string>{R"(gateway.solo.io/v1 virtualservices {"spec": "good"})"});
  // Something else has mended it.
  EXPECT_EQ(*kept->Keep({}, 10), true);
  EXPECT_EQ(All(), std::vector<std::string>{R"(gateway.solo.io/v1 virtualservices {"spec": "faulty"})"});
  // Faulty or not, what is gone is gone.
  Observe("virtualservices", "");
  EXPECT_EQ(*kept->Keep({kService}, 10), true);
  EXPECT_TRUE(All().empty());
}

TEST_F(KeptObjectsTest, WhatWentMeanwhileIsForgotten) {
  for (const char* name : {"a", "b", "c"}) Observe("virtualservices", Cat(R"({"spec": ")", name, "\"}"), name);
  EXPECT_EQ(*kept->Keep({}, 2), false);
  EXPECT_EQ(*kept->Keep({}, 2), true);
  Restart();
  Observe("virtualservices", R"({"spec": "b"})", "b");
  EXPECT_EQ(*kept->Keep({}, 10), true);
  EXPECT_EQ(All().size(), 3U) << "not yet everything was observed";
  kept->Complete([](std::string_view, std::string_view, const std::string&) { return true; });
  EXPECT_EQ(*kept->Keep({}, 10), true);
  EXPECT_EQ(All(), std::vector<std::string>{R"(gateway.solo.io/v1 virtualservices {"spec": "b"})"});
}

TEST_F(KeptObjectsTest, WhatCouldNotBeHeardIsNotForgotten) {
  for (const char* plural : {"virtualservices", "upstreams"}) Observe(plural, R"({"spec": "a"})", "a");
  EXPECT_EQ(*kept->Keep({}, 10), true);
  Restart();
  kept->Complete([](std::string_view api_version, std::string_view plural, const std::string& ns) {
    EXPECT_EQ(api_version, plural == "upstreams" ? "gloo.solo.io/v1" : "gateway.solo.io/v1");
    EXPECT_EQ(ns, "shop");
    return plural != "upstreams";
  });
  EXPECT_EQ(*kept->Keep({}, 10), true);
  EXPECT_EQ(All(), std::vector<std::string>{R"(gloo.solo.io/v1 upstreams {"spec": "a"})"});
  // It is heard later, and is gone.
  Observe("upstreams", "", "a");
  EXPECT_EQ(*kept->Keep({}, 10), true);
  EXPECT_TRUE(All().empty());
}

// What is read back is the object that was there.
TEST_F(KeptObjectsTest, TheStoreReadsThemBack) {
  const std::string json =
      R"({"apiVersion": "gateway.solo.io/v1", "kind": "VirtualService", "metadata": {"name": "cart", "namespace": )"
      R"("shop", "labels": {"n": "1", "t": "true"}, "generation": 3}, "spec": {"displayName": "1", "virtualHost": )"
      R"({"domains": ["1.5", "null", "a\"b\u0001"], "routes": [{"matchers": [{"prefix": "/"}], )"
      R"("directResponseAction": {"status": 200, "body": "1"}}]}}})";
  Observe("virtualservices", json);
  EXPECT_EQ(*kept->Keep({}, 10), true);
  std::vector<Change> changes;
  ObjectStore store;
  const KindInfo& info = *FindKind("VirtualService");
  store.Put(ObjectStore::Decode(info, yaml::Padded(json).view()), changes);
  ASSERT_EQ(changes.size(), 1U);
  kept->ForEach([&](std::string_view, std::string_view, std::string_view text) {
    store.Put(ObjectStore::Decode(info, text), changes);
  });
  EXPECT_EQ(changes.size(), 1U) << "it is another";
}

}  // namespace
}  // namespace k8sgw::cluster
