#include "src/sources/kube/world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::kube {
namespace {

using ::testing::ElementsAre;

RawObject Object(std::string name, std::string_view json) { return {{"ns", std::move(name), "u", "1"}, json}; }

std::vector<std::string> Show(const Batch& batch) {
  std::vector<std::string> out;
  for (const Event& event : batch.events) {
    out.push_back((event.kind == Event::Kind::kUpsert ? "+" : "-") + event.object.meta.name + " " +
                  std::string(event.object.json));
  }
  return out;
}

TEST(WorldTest, SaysEachNewsOnce) {
  World world;
  EXPECT_TRUE(world.Upsert(Object("a", "1")));
  EXPECT_FALSE(world.Upsert(Object("a", "1")));
  EXPECT_TRUE(world.Upsert(Object("a", "2")));
  EXPECT_TRUE(world.Delete(Object("a", "").meta));
  EXPECT_FALSE(world.Delete(Object("a", "").meta));
}

TEST(WorldTest, AnotherObjectOfTheSameNameIsNews) {
  World world;
  world.Upsert(Object("a", R"({"uid":"1"})"));
  EXPECT_TRUE(world.Upsert(Object("a", R"({"uid":"2"})")));
  world.Stage(Object("a", R"({"uid":"3"})"));
  EXPECT_THAT(Show(world.Commit()), ElementsAre(R"(+a {"uid":"3"})"));
}

TEST(WorldTest, ACommitIsTheDifference) {
  World world;
  for (const char* name : {"z", "same", "old", "other"}) world.Upsert(Object(name, "1"));
  world.Stage(Object("new", "1"));
  world.Stage(Object("same", "1"));
  world.Stage(Object("other", "2"));
  EXPECT_EQ(world.size(), 4u);
  const Batch batch = world.Commit();
  EXPECT_TRUE(batch.sync);
  EXPECT_THAT(Show(batch), ElementsAre("+new 1", "+other 2", "-old ", "-z "));
  EXPECT_EQ(world.size(), 3u);
  EXPECT_FALSE(world.Upsert(Object("other", "2")));
}

TEST(WorldTest, OfAStagedObjectTheLastVersionCounts) {
  World world;
  world.Upsert(Object("back", "1"));
  world.Stage(Object("a", "1"));
  world.Stage(Object("b", "1"));
  world.Stage(Object("a", "2"));
  world.StageDelete(Object("b", "").meta);
  world.Stage(Object("back", "2"));
  world.Stage(Object("back", "1"));
  EXPECT_THAT(Show(world.Commit()), ElementsAre("+a 2"));
}

TEST(WorldTest, DroppedStagesLeaveNoTrace) {
  World world;
  world.Upsert(Object("a", "1"));
  world.Stage(Object("b", "1"));
  world.DropStage();
  world.Stage(Object("a", "1"));
  EXPECT_THAT(Show(world.Commit()), ElementsAre());
}

TEST(WorldTest, CommittedBytesStayUntilTheyAreFreed) {
  World world;
  const std::string large(3 << 20, 'x');
  std::string small = "small";
  world.Stage(Object("a", small));
  world.Stage(Object("b", large));
  world.Stage(Object("c", small));
  small = "other";
  const Batch batch = world.Commit();
  world.DropStage();
  EXPECT_EQ(batch.events[0].object.json, "small");
  EXPECT_EQ(batch.events[1].object.json, large);
  EXPECT_EQ(batch.events[2].object.json, "small");
  world.FreeCommitted();
}

}  // namespace
}  // namespace k8sgw::kube
