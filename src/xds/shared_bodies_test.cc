#include "src/xds/shared_bodies.h"

#include <gtest/gtest.h>

#include <thread>

#include "src/xds/test_resource.h"
#include "src/xds/wire.h"

namespace k8sgw::xds {
namespace {

Response Of(std::vector<Ptr<Resource>> resources) {
  Response response;
  response.type = Type::kRoute;
  response.type_url = TypeUrl(Type::kRoute);
  response.resources = std::move(resources);
  return response;
}

std::string Text(const std::vector<grpc::Slice>& slices) {
  std::string out;
  for (const auto& slice : slices) out.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return out;
}

TEST(SharedBodies, EqualResponsesShareTheirBytesWhileOneIsOnItsWay) {
  SharedBodies bodies;
  const Response response = Of({Make(Type::kRoute, "a", "1"), Make(Type::kRoute, "b", "2")});
  const auto first = bodies.Of(response, true);
  EXPECT_EQ(bodies.Of(Of(response.resources), true), first);
  EXPECT_EQ(Text(*first), Text(DeltaBody(response)));
}

TEST(SharedBodies, WhatDiffersIsMadeApart) {
  SharedBodies bodies;
  const Response response = Of({Make(Type::kRoute, "a", "1"), Make(Type::kRoute, "b", "2")});
  const auto delta = bodies.Of(response, true);
  const auto state = bodies.Of(response, false);
  EXPECT_EQ(Text(*state), Text(StateBody(response)));
  EXPECT_NE(Text(*state), Text(*delta));
  const Response part = Of({response.resources.front()});
  EXPECT_EQ(Text(*bodies.Of(part, true)), Text(DeltaBody(part)));
}

TEST(SharedBodies, ForASingleStreamNothingIsHeldOnceItIsSent) {
  SharedBodies bodies;
  bodies.StreamOpened();
  const std::weak_ptr<const Slices> made = bodies.Of(Of({Make(Type::kRoute, "a", "1")}), true);
  EXPECT_TRUE(made.expired());
}

TEST(SharedBodies, ForSeveralStreamsTheNewestAreHeld) {
  SharedBodies bodies;
  bodies.StreamOpened();
  bodies.StreamOpened();
  const Response response = Of({Make(Type::kRoute, "a", "1")});
  std::weak_ptr<const Slices> made = bodies.Of(response, true);
  EXPECT_FALSE(made.expired());
  EXPECT_EQ(bodies.Of(response, true), made.lock());
  const std::weak_ptr<const Slices> newer = bodies.Of(Of({Make(Type::kRoute, "a", "2")}), true);
  EXPECT_TRUE(made.expired());
  EXPECT_FALSE(newer.expired());
  bodies.StreamClosed();
  EXPECT_TRUE(newer.expired());
}

TEST(SharedBodies, ThreadsThatComeAtOnceGetTheSameBytes) {
  SharedBodies bodies;
  std::vector<Ptr<Resource>> resources;
  for (int i = 0; i < 2'000; ++i) resources.push_back(Make(Type::kRoute, std::to_string(i), std::string(200, 'x')));
  const Response response = Of(resources);
  const std::string expected = Text(DeltaBody(response));
  std::vector<std::shared_ptr<const Slices>> got(4);
  std::vector<std::thread> threads;
  for (auto& mine : got) threads.emplace_back([&] { mine = bodies.Of(response, true); });
  for (auto& thread : threads) thread.join();
  for (const auto& mine : got) {
    EXPECT_EQ(mine, got.front());
    EXPECT_EQ(Text(*mine), expected);
  }
}

}  // namespace
}  // namespace k8sgw::xds
