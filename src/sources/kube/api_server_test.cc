// Against a real API server, with a kind of their own, which goes at the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "src/base/text.h"
#include "src/sources/kube/leader_election.h"
#include "src/sources/kube/list_watch.h"
#include "src/sources/kube/served.h"
#include "src/sources/kube/test_real_api_server.h"
#include "src/sources/kube/text.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

double Half() { return 0.5; }

class ApiServerTest : public testing::RealApiServerTest {
 protected:
  struct World {
    std::unique_ptr<ListWatch> watch;
    std::map<std::string, std::string> known;
    int syncs = 0;
    bool any_data = false;
    bool retried = false;
    Health health;
  };

  ApiServerTest() : RealApiServerTest("client") {}

  void SetUp() override {
    RealApiServerTest::SetUp();
    maps_ = {"", "v1", "configmaps", ns_};
  }
  void TearDown() override {
    for (int i = 0; i < made_; ++i) writer_->Send(DeleteObject({maps_, Cat("m", i)}), [](const WriteResult&) {});
    EXPECT_TRUE(Until([&] { return !writer_ || writer_->running() == 0; }));
    RealApiServerTest::TearDown();
  }

  std::unique_ptr<World> Follow(const Resource& resource, ReflectorOptions options) {
    auto world = std::make_unique<World>();
    World* const target = world.get();
    const auto take = [target](const Batch& batch) {
      target->syncs += batch.sync;
      for (const Event& event : batch.events) {
        target->any_data = target->any_data || event.object.json.find("secret") != std::string_view::npos;
        if (event.kind == Event::Kind::kUpsert)
          target->known[event.object.meta.name] = event.object.meta.resource_version;
        else
          target->known.erase(event.object.meta.name);
      }
    };
    world->watch = std::make_unique<ListWatch>(*client_, resource, std::move(options), Half,
                                               ListWatch::Consumer{take, [target](const Health& health) {
                                                                     target->health = health;
                                                                     target->retried |=
                                                                         health.phase == Health::Phase::kRetrying;
                                                                   }});
    return world;
  }
  std::string MapJson(int number, const std::string& text) const {
    return Cat(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m)", number, R"("},"data":{"a":")", text,
               R"("}})");
  }
  void MakeMaps(int count, const std::string& text) {
    int running = 0;
    int failed = 0;
    for (int i = 0; i < count; ++i) {
      ++running;
      writer_->Send(CreateObject(maps_, MapJson(i, text)), [&](const WriteResult& result) {
        --running;
        failed += !result.status.ok();
      });
      ASSERT_TRUE(Until([&] { return running < 50; }));
    }
    ASSERT_TRUE(Until([&] { return running == 0; }));
    EXPECT_EQ(failed, 0);
    made_ = count;
  }

  Resource maps_;
  int made_ = 0;
};

TEST_F(ApiServerTest, InitialEventsAndPagesGiveTheSame) {
  MakeMaps(60, "x");
  ReflectorOptions pages;
  pages.watch_list = false;
  pages.page_limit = 7;
  const auto first = Follow(maps_, {});
  const auto second = Follow(maps_, pages);
  ASSERT_TRUE(Until([&] { return first->syncs > 0 && second->syncs > 0; }));
  EXPECT_GE(first->known.size(), 60u);
  EXPECT_EQ(first->known, second->known);
  const std::string version = first->known["m3"];
  ASSERT_TRUE(Send(MergePatch({maps_, "m3"}, R"({"data":{"a":"y"}})")).status.ok());
  ASSERT_TRUE(Send(DeleteObject({maps_, "m4"})).status.ok());
  ASSERT_TRUE(Send(CreateObject(maps_, MapJson(4, "again"))).status.ok());
  ASSERT_TRUE(Until(
      [&] { return first->known.contains("m4") && first->known == second->known && first->known["m3"] != version; }));
  EXPECT_EQ(first->syncs, 1);
  EXPECT_EQ(first->watch->reflector().health().phase, Health::Phase::kWatching);
}

TEST_F(ApiServerTest, MetadataAlone) {
  MakeMaps(3, "secret");
  ReflectorOptions options;
  options.metadata_alone = true;
  for (const bool watch_list : {true, false}) {
    options.watch_list = watch_list;
    const auto world = Follow(maps_, options);
    ASSERT_TRUE(Until([&] { return world->syncs > 0; }));
    EXPECT_GE(world->known.size(), 3u);
    EXPECT_FALSE(world->any_data);
    EXPECT_FALSE(world->retried);
  }
  const auto world = Follow(maps_, {});
  ASSERT_TRUE(Until([&] { return world->syncs > 0; }));
  EXPECT_TRUE(world->any_data);
}

TEST_F(ApiServerTest, Writes) {
  MakeMaps(1, "x");
  const WriteResult read = Send(ReadObject({maps_, "m0"}));
  ASSERT_TRUE(read.status.ok());
  ASSERT_TRUE(Send(ReplaceObject({maps_, "m0"}, read.body)).status.ok());
  ASSERT_TRUE(Send(MergePatch({maps_, "m0"}, R"({"data":{"a":"y"}})")).status.ok());
  WriteResult result = Send(ReplaceObject({maps_, "m0"}, read.body));
  EXPECT_TRUE(absl::IsAborted(result.status)) << result.status;
  EXPECT_EQ(result.details.reason, "Conflict");
  EXPECT_TRUE(absl::IsAlreadyExists(Send(CreateObject(maps_, MapJson(0, "z"))).status));
  EXPECT_TRUE(absl::IsNotFound(Send(ReadObject({maps_, "none"})).status));
  result = Send(CreateObject(maps_, R"({"metadata":{"name":"Not Allowed"}})"));
  EXPECT_TRUE(absl::IsInvalidArgument(result.status)) << result.status;
  ASSERT_EQ(result.details.causes.size(), 1u);
  EXPECT_EQ(result.details.causes[0].field, "metadata.name");
  const std::string apply = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m0}\ndata: {a: mine}\n";
  result = Send(ServerSideApply({maps_, "m0"}, apply, "tester", false));
  EXPECT_TRUE(absl::IsAborted(result.status)) << result.status;
  ASSERT_FALSE(result.details.causes.empty());
  EXPECT_EQ(result.details.causes[0].field, ".data.a");
  result = Send(ServerSideApply({maps_, "m0"}, apply, "tester", true));
  EXPECT_THAT(result.body, HasSubstr("mine"));
  EXPECT_TRUE(absl::IsAborted(Send(DeleteObject({maps_, "m0"}, "another-uid")).status));
}

TEST_F(ApiServerTest, AKindComesAndGoes) {
  ReflectorOptions options;
  options.absent_retry = milliseconds(200);
  const Resource things{Cat(ns_, ".test"), "v1", "things", ""};
  const auto world = Follow(things, options);
  ASSERT_TRUE(Until([&] { return world->health.phase == Health::Phase::kAbsent; }));
  const Resource definitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions", ""};
  const std::string definition = Cat(
      R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"things.)",
      things.group, R"("},"spec":{"group":")", things.group,
      R"(","scope":"Namespaced","names":{"plural":"things","singular":"thing","kind":"Thing"},"versions":[{"name":"v1",)",
      R"("served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object",)",
      R"("x-kubernetes-preserve-unknown-fields":true}}}]}})");
  ASSERT_TRUE(Send(CreateObject(definitions, definition)).status.ok());
  ASSERT_TRUE(Until([&] { return world->health.phase == Health::Phase::kWatching && world->syncs == 1; }));
  Resource own = things;
  own.namespace_ = ns_;
  const std::string thing = Cat(R"({"apiVersion":")", things.group, R"(/v1","kind":"Thing","metadata":{"name":"t"}})");
  const WriteResult made = Send(CreateObject(own, thing));
  ASSERT_TRUE(made.status.ok()) << made.status;
  ASSERT_TRUE(Until([&] { return world->known.size() == 1; }));
  ASSERT_TRUE(Send(DeleteObject({definitions, "things." + things.group})).status.ok());
  ASSERT_TRUE(Until([&] { return world->known.empty(); }));
  ASSERT_TRUE(Until([&] { return world->health.phase == Health::Phase::kAbsent; }));
}

// A kind whose objects nobody saw go: what a server serves says that it is gone, with its whole group or without.
TEST_F(ApiServerTest, WhatIsServedSaysWhatIsGone) {
  MakeMaps(1, "x");
  const auto history = std::make_shared<History>();
  const auto maps = Follow(maps_, {.history = history});
  for (const Resource& resource :
       {Resource{Cat(ns_, ".test"), "v1", "things", ""}, Resource{"apiextensions.k8s.io", "v1", "things", ""}}) {
    ReflectorOptions options;
    options.absent_retry = options.gone_after = milliseconds(200);
    options.history = history;
    const auto world = Follow(resource, options);
    for (int i = 0; i < 100 && world->syncs == 0; ++i) {
      // Others are told something.
      ASSERT_TRUE(Send(MergePatch({maps_, "m0"}, Cat(R"({"data":{"n":")", i, "\"}}"))).status.ok());
      Until([&] { return world->syncs > 0; }, milliseconds(100));
    }
    EXPECT_EQ(world->syncs, 1) << resource.group;
    EXPECT_EQ(world->health.phase, Health::Phase::kAbsent);
  }
  // One that it serves, whatever it answers.
  const WriteResult served = Send({"GET", ServedPath({"apiextensions.k8s.io", "v1", "", ""}), "", ""});
  EXPECT_FALSE(LacksResource(served.body, {"apiextensions.k8s.io", "v1", "customresourcedefinitions", ""}));
  EXPECT_TRUE(LacksResource(served.body, {"apiextensions.k8s.io", "v1", "things", ""}));
  const WriteResult groups = Send({"GET", kGroupsPath, "", ""});
  EXPECT_FALSE(LacksVersion(groups.body, {"apiextensions.k8s.io", "v1", "", ""}));
  EXPECT_TRUE(LacksVersion(groups.body, {"apiextensions.k8s.io", "v7", "", ""}));
}

TEST_F(ApiServerTest, AForbiddenKindSaysSo) {
  config_.impersonate_user = "nobody-in-particular";
  Connect();
  const auto world = Follow(maps_, {});
  ASSERT_TRUE(Until([&] { return world->health.phase == Health::Phase::kAbsent; }));
  EXPECT_THAT(std::string(ToStd(world->health.error.message())), HasSubstr("403 Forbidden: configmaps is forbidden"));
  EXPECT_EQ(world->syncs, 0);
  world->watch.reset();
  config_.impersonate_user.clear();
  Connect();
}

TEST_F(ApiServerTest, ElectsALeader) {
  std::string history;
  const LeaseOptions options{.ns = ns_, .name = "l", .identity = "a"};
  LeaderElection election(
      loop_, *writer_, options, Half, [&](bool leading) { history += leading ? "+" : "-"; }, nullptr);
  ASSERT_TRUE(Until([&] { return election.IsLeader(); }));
  Until([] { return false; }, milliseconds(2500));
  bool released = false;
  election.Release([&] { released = true; });
  ASSERT_TRUE(Until([&] { return released; }));
  EXPECT_EQ(history, "+-");
  const WriteResult lease = Send(ReadObject({{"coordination.k8s.io", "v1", "leases", ns_}, "l"}));
  EXPECT_THAT(lease.body, HasSubstr(R"("holderIdentity":"")"));
}

TEST_F(ApiServerTest, ManyObjects) {
  MakeMaps(2000, std::string(2000, 'x'));
  for (const bool watch_list : {true, false}) {
    ReflectorOptions options;
    options.watch_list = watch_list;
    const auto start = Loop::Now();
    const auto world = Follow(maps_, options);
    ASSERT_TRUE(Until([&] { return world->syncs > 0; }));
    const auto spent = std::chrono::duration_cast<milliseconds>(Loop::Now() - start);
    printf("2000 objects in %s: %d ms\n", watch_list ? "initial events" : "pages", static_cast<int>(spent.count()));
    EXPECT_GE(world->known.size(), 2000u);
  }
}

}  // namespace
}  // namespace k8sgw::kube
