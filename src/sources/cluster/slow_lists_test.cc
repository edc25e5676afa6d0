// Lists that take long: nothing is told of a world of which a part is missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/sources/cluster/test_cluster_source.h"

namespace k8sgw::cluster {
namespace {

using ::testing::ElementsAre;
using namespace testing;  // NOLINT: this folder's

// A list of which the server says nothing for half a minute, or of which pages come one by one.
TEST_F(ClusterSourceTest, NothingIsToldWhileTheListOfAnyKindIsSlow) {
  Sync(At("settings", kOwn), {});
  Sync(At("namespaces", ""), {});
  std::vector<Watch*> kinds;
  for (Watch* watch : watches) {
    const std::string& plural = watch->resource.plural;
    if (plural != "settings" && plural != "namespaces") kinds.push_back(watch);
  }
  ASSERT_GT(kinds.size(), 10U);
  for (Watch* slow : kinds) slow->consumer.on_health({Phase::kConnecting, false, absl::OkStatus()});
  for (size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_FALSE(source->Take().has_value()) << "without " << kinds[i]->resource.plural;
    EXPECT_FALSE(source->complete());
    const std::vector<std::string> awaited = source->awaited();
    EXPECT_EQ(std::ranges::count(awaited, kinds[i]->resource.plural), 1) << kinds[i]->resource.plural;
    Sync(*kinds[i],
         kinds[i]->resource.plural == "services" ? std::vector{Labelled("shop/a")} : std::vector<std::string>());
  }
  EXPECT_THAT(Take(), ElementsAre("shop/a=1"));
  EXPECT_TRUE(source->complete());
}

// After an outage each kind is listed by itself, and one of them takes long.
TEST_F(WithOneNamespace, WhileAKindIsListedAnewItsOldObjectsStayAndOthersChange) {
  Watch& services = At("services", "shop");
  services.consumer.on_health({Phase::kRetrying, true, absl::UnavailableError("gone")});
  services.consumer.on_health({Phase::kConnecting, true, absl::OkStatus()});
  EXPECT_FALSE(source->Take().has_value());
  EXPECT_TRUE(source->complete());
  EXPECT_EQ(source->store().All().size(), 3U) << "two Services, and Settings";
  Tell(At("services", kOwn), {Labelled("gloo-system/c")}, false);
  EXPECT_THAT(Take(), ElementsAre("gloo-system/c=1"));
  Sync(services, {Labelled("shop/b", "2")});
  EXPECT_THAT(Take(), ElementsAre("shop/b=2"));
}

}  // namespace
}  // namespace k8sgw::cluster
