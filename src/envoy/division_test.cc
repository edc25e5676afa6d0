#include "src/envoy/division.h"

#include <gtest/gtest.h>

#include "src/proxy/route_shards.h"

namespace k8sgw::envoy {
namespace {

uint32_t Auto(uint64_t exact, uint64_t wildcard, uint32_t before = 0) {
  return Divide(proxy::kAutoShards, exact, wildcard, false, {before, 0}).cut.shards;
}

TEST(DivisionTest, ByTheNumberOfDomains) {
  EXPECT_EQ(Auto(0, 0), 0u);
  EXPECT_EQ(Auto(299, 0), 0u);
  EXPECT_EQ(Auto(300, 0), 256u);
  EXPECT_EQ(Auto(10'000, 3), 256u);
  EXPECT_EQ(Auto(50'000, 3), 1024u);
}

TEST(DivisionTest, WildcardsMakeItCoarser) {
  EXPECT_EQ(Auto(300, 1), 256u);
  EXPECT_EQ(Auto(300, 2), 64u);
  EXPECT_EQ(Auto(300, 18), 16u);
  EXPECT_EQ(Auto(300, 19), 0u);
  EXPECT_EQ(Auto(50'000, 100), 256u);
}

TEST(DivisionTest, WhatIsThereStaysWhileItIsBearable) {
  EXPECT_EQ(Auto(250, 0, 256), 256u);
  EXPECT_EQ(Auto(199, 0, 256), 0u);
  EXPECT_EQ(Auto(300, 2, 256), 256u);
  EXPECT_EQ(Auto(300, 3, 256), 64u);
  EXPECT_EQ(Auto(31'000, 0, 256), 256u);
  EXPECT_EQ(Auto(45'000, 0, 256), 1024u);
  EXPECT_EQ(Auto(25'000, 0, 1024), 1024u);
  EXPECT_EQ(Auto(19'000, 0, 1024), 256u);
  EXPECT_EQ(Auto(400, 1, 64), 64u) << "256 would only just fit";
  EXPECT_EQ(Auto(600, 1, 64), 256u);
}

TEST(DivisionTest, IsForcedOrForbidden) {
  EXPECT_EQ(Divide(0, 50'000, 0, false, {256, 0}).cut.shards, 0u);
  EXPECT_EQ(Divide(16, 1, 9, false, {}).cut.shards, 16u);
}

TEST(DivisionTest, LimitsOfRatesKeepItWhole) {
  const Division division = Divide(proxy::kAutoShards, 1'000, 0, true, {256, 0});
  EXPECT_EQ(division.cut, Cut());
  EXPECT_FALSE(division.obstacle.empty());
  EXPECT_EQ(Divide(proxy::kAutoShards, 100, 0, true, {}), Division()) << "it would not be divided anyway";
}

TEST(DivisionTest, CountsDomains) {
  VirtualHost host;
  host.domains = {"a.com", "b.com", "*.a.com", "*.b.com"};
  EXPECT_EQ(CountDomains(host).exact, 2u);
  EXPECT_EQ(CountDomains(host).wildcard, 1u);
  EXPECT_FALSE(CountDomains(host).limits);
  host.needs = {"envoy.filters.http.local_ratelimit"};
  EXPECT_TRUE(CountDomains(host).limits);
  host.domains = {"a.com"};
  EXPECT_FALSE(CountDomains(host).limits);
  host.domains = {"*"};
  EXPECT_TRUE(CountDomains(host).limits);
}

}  // namespace
}  // namespace k8sgw::envoy
