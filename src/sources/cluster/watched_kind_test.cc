#include "src/sources/cluster/watched_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "src/json/tree.h"
#include "src/sources/cluster/object_store.h"

namespace k8sgw::cluster {
namespace {

const WatchedKind& ConfigMaps() {
  static const std::vector<WatchedKind> kinds = AllWatchedKinds();
  return *std::ranges::find(kinds, Kind::kArtifact, [](const WatchedKind& kind) { return kind.info->kind; });
}

TEST(WatchedKind, ArtifactsAreConfigMapsInACluster) {
  EXPECT_EQ(kube::CollectionPath(ConfigMaps().In("")), "/api/v1/configmaps");
  EXPECT_EQ(kube::CollectionPath(ConfigMaps().In("shop")), "/api/v1/namespaces/shop/configmaps");
  EXPECT_THAT(ConfigMaps().field_selector, testing::HasSubstr("metadata.name!=kube-root-ca.crt"));
  // What replicas tell each other is nothing to translate.
  EXPECT_THAT(ConfigMaps().field_selector, testing::HasSubstr("metadata.name!=gloo-refusals"));
}

TEST(WatchedKind, UsersOfRegistriesComeOnlyWhenTheyAreWanted) {
  for (const bool wanted : {false, true}) {
    const std::vector<WatchedKind> kinds = AllWatchedKinds(wanted);
    const auto secrets =
        std::ranges::find(kinds, Kind::kSecret, [](const WatchedKind& kind) { return kind.info->kind; });
    EXPECT_THAT(secrets->field_selector, testing::HasSubstr("type!=kubernetes.io/dockercfg"));
    const bool left_out = secrets->field_selector.find("type!=kubernetes.io/dockerconfigjson") != std::string::npos;
    EXPECT_EQ(left_out, !wanted);
  }
}

TEST(WatchedKind, WhatOthersWriteIntoConfigMapsIsNoChange) {
  ObjectStore store;
  std::vector<Change> changes;
  const auto put = [&](const std::string& metadata, const std::string& data) {
    changes.clear();
    const yaml::Padded json(R"({"metadata": {"name": "lock", "namespace": "a")" + metadata + R"(}, "data": {)" + data +
                            "}}");
    store.Put(ObjectStore::Decode(*ConfigMaps().info, json.view()), changes);
    return changes.size();
  };
  EXPECT_EQ(put("", R"("status": "time: 1")"), 1U);
  EXPECT_EQ(changes.front().key, (ResourceKey{Kind::kArtifact, "a", "lock"}));
  EXPECT_EQ(put(R"(, "annotations": {"leader": "b"}, "labels": {"c": "d"})", R"("status": "time: 2")"), 0U);
  EXPECT_EQ(put("", R"("status": "CgA=")"), 1U);
  EXPECT_EQ(put("", R"("status": "CgB=")"), 1U);
  EXPECT_TRUE(store.problems().empty());
}

}  // namespace
}  // namespace k8sgw::cluster
