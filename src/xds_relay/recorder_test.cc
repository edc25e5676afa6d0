#include "src/xds_relay/recorder.h"

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/rpc/status.proto.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "src/base/test_folder.h"
#include "src/base/text.h"

namespace k8sgw::xds_relay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kClusters[] = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
constexpr char kRoutes[] = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

class RecorderTest : public ::testing::Test {
 protected:
  void Open() {
    memory.reset();
    memory = *Memory::Open(Path(), [](const std::string& what) { FAIL() << what; });
  }
  std::string Path() const { return (folder.base() / "state/last-good-xds").string(); }
  void SetUp() override { Open(); }

  std::vector<std::string> Kept() const {
    std::vector<std::string> out;
    for (const auto& one : memory->All().put) out.push_back(Cat(one->name, "@", one->version, ":", *one->body[0]));
    return out;
  }

  static dsv3::DeltaDiscoveryResponse Delta(const std::string& type, const std::string& nonce,
                                            const std::vector<std::string>& names) {
    dsv3::DeltaDiscoveryResponse response;
    response.set_type_url(type);
    response.set_nonce(nonce);
    for (const std::string& name : names) {
      auto* resource = response.add_resources();
      resource->set_name(name);
      resource->set_version("v" + nonce);
      resource->mutable_resource()->set_value("bytes of " + name);
    }
    return response;
  }
  static dsv3::DeltaDiscoveryRequest Answer(const std::string& type, const std::string& nonce) {
    dsv3::DeltaDiscoveryRequest request;
    request.set_type_url(type);
    request.set_response_nonce(nonce);
    return request;
  }
  static dsv3::DeltaDiscoveryRequest First(const std::string& role) {
    dsv3::DeltaDiscoveryRequest request;
    request.set_type_url(kClusters);
    (*request.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(role);
    return request;
  }

  testing::TestFolder folder;
  std::unique_ptr<Memory> memory;
};

TEST_F(RecorderTest, WhatIsAcknowledgedIsKeptAcrossARestart) {
  Recorder recorder(*memory, true);
  recorder.OnRequest(First("a~b"));
  recorder.OnResponse(Delta(kClusters, "1", {"one", "two"}));
  EXPECT_THAT(Kept(), IsEmpty());
  recorder.OnRequest(Answer(kClusters, "1"));
  EXPECT_THAT(Kept(), ElementsAre("one@v1:bytes of one", "two@v1:bytes of two"));
  Open();
  EXPECT_THAT(Kept(), ElementsAre("one@v1:bytes of one", "two@v1:bytes of two"));
  EXPECT_TRUE(memory->Knows("a~b"));
  EXPECT_FALSE(memory->Knows("a~c"));
  struct stat file {};
  ASSERT_EQ(stat(Path().c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600U);
}

TEST_F(RecorderTest, WhatIsRefusedOrRemovedIsNot) {
  Recorder recorder(*memory, true);
  recorder.OnRequest(First("a~b"));
  recorder.OnResponse(Delta(kClusters, "1", {"one", "two"}));
  recorder.OnRequest(Answer(kClusters, "1"));
  recorder.OnResponse(Delta(kClusters, "2", {"one"}));
  auto refused = Answer(kClusters, "2");
  refused.mutable_error_detail()->set_message("no");
  recorder.OnRequest(refused);
  auto removal = Delta(kClusters, "3", {});
  removal.add_removed_resources("two");
  recorder.OnResponse(removal);
  recorder.OnRequest(Answer(kClusters, "3"));
  EXPECT_THAT(Kept(), ElementsAre("one@v1:bytes of one"));
  recorder.OnResponse(Delta(kRoutes, "4", {"r"}));
  recorder.OnRequest(Answer(kRoutes, "4"));
  EXPECT_EQ(Kept().size(), 2U);
  auto unsubscribe = Answer(kRoutes, "");
  unsubscribe.add_resource_names_unsubscribe("r");
  recorder.OnRequest(unsubscribe);
  EXPECT_THAT(Kept(), ElementsAre("one@v1:bytes of one"));
}

TEST_F(RecorderTest, AnEnvoyThatHadNothingHasOnlyWhatItGot) {
  memory->SetOwner("a~b");
  memory->Keep(kClusters, "old", "v", "x");
  Recorder later(*memory, false);
  later.OnRequest(First("a~b"));
  later.OnResponse(Delta(kClusters, "1", {"one"}));
  later.OnRequest(Answer(kClusters, "1"));
  EXPECT_EQ(Kept().size(), 2U);
  Recorder fresh(*memory, true);
  fresh.OnResponse(Delta(kClusters, "1", {"two"}));
  fresh.OnRequest(Answer(kClusters, "1"));
  fresh.OnResponse(Delta(kClusters, "2", {"three"}));
  fresh.OnRequest(Answer(kClusters, "2"));
  EXPECT_THAT(Kept(), ElementsAre("three@v2:bytes of three", "two@v1:bytes of two"));
}

TEST_F(RecorderTest, AnotherModuleStartsAnew) {
  const auto first = [](const std::string& module) {
    auto request = First("a~b");
    (*request.mutable_node()->mutable_metadata()->mutable_fields())[xds::kModuleField].set_string_value(module);
    return request;
  };
  Recorder with(*memory, true);
  with.OnRequest(first("1"));
  with.OnResponse(Delta(kClusters, "1", {"one"}));
  with.OnRequest(Answer(kClusters, "1"));
  EXPECT_TRUE(memory->Knows(OwnerOf(first("1").node())));
  EXPECT_FALSE(memory->Knows(OwnerOf(first("2").node())));
  EXPECT_FALSE(memory->Knows("a~b")) << "without a module";
  Recorder without(*memory, true);
  without.OnRequest(First("a~b"));
  EXPECT_THAT(Kept(), IsEmpty());
}

TEST_F(RecorderTest, AnotherRoleStartsAnew) {
  Recorder recorder(*memory, true);
  recorder.OnRequest(First("a~b"));
  recorder.OnResponse(Delta(kClusters, "1", {"one"}));
  recorder.OnRequest(Answer(kClusters, "1"));
  Recorder other(*memory, true);
  other.OnRequest(First("a~c"));
  EXPECT_THAT(Kept(), IsEmpty());
}

TEST_F(RecorderTest, TheStateOfTheWorldIsWhatTheLastAcknowledgedOneSays) {
  const auto state = [](const char* type, const std::string& nonce, const std::vector<std::string>& names) {
    dsv3::DiscoveryResponse response;
    response.set_type_url(type);
    response.set_nonce(nonce);
    for (const std::string& name : names) {
      response.add_resources()->set_value(Cat("\x0a", std::string(1, static_cast<char>(name.size())), name));
    }
    return response;
  };
  const auto answer = [](const char* type, const std::string& nonce, const std::vector<std::string>& names) {
    dsv3::DiscoveryRequest request;
    request.set_type_url(type);
    request.set_response_nonce(nonce);
    request.mutable_resource_names()->Assign(names.begin(), names.end());
    return request;
  };
  const auto names = [&] {
    std::vector<std::string> out;
    for (const auto& one : memory->All().put) out.push_back(one->name);
    return out;
  };
  Recorder recorder(*memory, true);
  recorder.OnResponse(state(kClusters, "1", {"one", "two"}));
  recorder.OnRequest(answer(kClusters, "1", {}));
  EXPECT_THAT(names(), ElementsAre("one", "two"));
  recorder.OnResponse(state(kClusters, "2", {"two"}));
  recorder.OnRequest(answer(kClusters, "2", {}));
  EXPECT_THAT(names(), ElementsAre("two"));
  recorder.OnResponse(state(kRoutes, "3", {"r"}));
  recorder.OnRequest(answer(kRoutes, "3", {"r", "s"}));
  recorder.OnResponse(state(kRoutes, "4", {"s"}));
  recorder.OnRequest(answer(kRoutes, "4", {"r", "s"}));
  EXPECT_THAT(names(), ElementsAre("two", "r", "s"));
  recorder.OnResponse(state(kRoutes, "5", {"s"}));
  recorder.OnRequest(answer(kRoutes, "5", {"s"}));
  EXPECT_THAT(names(), ElementsAre("two", "s"));
}

}  // namespace
}  // namespace k8sgw::xds_relay
