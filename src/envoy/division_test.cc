#include "src/envoy/division.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "src/proxy/route_shards.h"

namespace k8sgw::envoy {
namespace {

constexpr uint64_t kBytes = 1024;

// Virtual hosts with one exact domain each, and some with a wildcard, all of the same size.
TableSize Size(uint32_t exact, uint32_t wildcard, bool limits = false) {
  TableSize size;
  for (uint32_t i = 0; i < exact; ++i) size.Add({.exact = 1, .limits = limits, .rest_bytes = kBytes});
  for (uint32_t i = 0; i < wildcard; ++i) size.Add({.wildcard = 1, .rest_bytes = kBytes});
  return size;
}

uint32_t Auto(const TableSize& size, uint32_t before = 0) {
  return Divide(proxy::kAutoShards, size, {before, 0}).cut.shards;
}
uint32_t Auto(uint32_t exact, uint32_t wildcard, uint32_t before = 0) { return Auto(Size(exact, wildcard), before); }

TEST(DivisionTest, ByTheNumberOfDomains) {
  EXPECT_EQ(Auto(0, 0), 0u);
  EXPECT_EQ(Auto(299, 0), 0u);
  EXPECT_EQ(Auto(300, 0), 128u);
  EXPECT_EQ(Auto(10'000, 3), 128u);
  EXPECT_EQ(Auto(50'000, 3), 512u);
}

TEST(DivisionTest, WildcardsMakeItCoarser) {
  EXPECT_EQ(Auto(300, 2), 128u);
  EXPECT_EQ(Auto(300, 3), 32u);
  EXPECT_EQ(Auto(300, 49), 8u);
  EXPECT_EQ(Auto(300, 51), 0u);
  EXPECT_EQ(Auto(50'000, 100), 128u);
}

TEST(DivisionTest, WhatIsThereStaysWhileItIsBearable) {
  EXPECT_EQ(Auto(250, 0, 128), 128u);
  EXPECT_EQ(Auto(199, 0, 128), 0u);
  EXPECT_EQ(Auto(300, 4, 128), 128u);
  EXPECT_EQ(Auto(300, 5, 128), 32u);
  EXPECT_EQ(Auto(31'000, 0, 128), 128u);
  EXPECT_EQ(Auto(45'000, 0, 128), 512u);
  EXPECT_EQ(Auto(25'000, 0, 512), 512u);
  EXPECT_EQ(Auto(19'000, 0, 512), 128u);
  EXPECT_EQ(Auto(400, 3, 32), 32u) << "128 would only just fit";
  EXPECT_EQ(Auto(1'000, 3, 32), 128u);
}

TEST(DivisionTest, IsForcedOrForbidden) {
  EXPECT_EQ(Divide(0, Size(50'000, 0), {128, 0}).cut.shards, 0u);
  EXPECT_EQ(Divide(16, Size(1, 9), {}).cut.shards, 16u);
  EXPECT_EQ(Auto(300, 0, 4096), 128u) << "a forced number does not outlive the word";
}

TEST(DivisionTest, CopiesOfWhatIsLargeMakeItCoarser) {
  TableSize size = Size(300, 0);
  // As large as all others together: two copies of it would be bearable, more would not.
  size.Add({.wildcard = 1, .rest_bytes = 300 * kBytes});
  EXPECT_EQ(Auto(size), 0u);
  TableSize of_one;
  of_one.Add({.exact = 3'000, .domain_bytes = 60'000, .rest_bytes = 1 << 20});
  EXPECT_EQ(Auto(of_one), 0u) << "each part would have all of its routes";
  of_one.Add({.exact = 10'000, .domain_bytes = 200'000, .rest_bytes = 256});
  EXPECT_EQ(of_one.Bytes(1), 260'000u + (1 << 20) + 256u);
  EXPECT_EQ(of_one.Bytes(16), 260'000u + 16 * ((1 << 20) + 256u));
}

TEST(DivisionTest, NoWordMakesTooManyCopies) {
  const Division division = Divide(4096, Size(0, 1'000), {});
  EXPECT_EQ(division.cut, Cut());
  EXPECT_EQ(division.obstacle, "in 4096 parts it would take 4000 MiB, as wildcards are in each");
  EXPECT_EQ(Divide(16, Size(0, 1'000), {}).cut.shards, 16u);
}

TEST(DivisionTest, LimitsOfRatesKeepItWhole) {
  const Division division = Divide(proxy::kAutoShards, Size(1'000, 0, true), {128, 0});
  EXPECT_EQ(division.cut, Cut());
  EXPECT_FALSE(division.obstacle.empty());
  EXPECT_EQ(Divide(proxy::kAutoShards, Size(100, 0, true), {}), Division()) << "it would not be divided anyway";
}

TEST(DivisionTest, KnowsWhoNamesTheHeaderOfTheKey) {
  for (const char* message : {"\x06"
                              "expect",
                              "a\x06"
                              "Expect",
                              "a%REQ(EXPECT)%", "%REQ(A?expect):3%",
                              "x\x06"
                              "expects",
                              R"(%COALESCE({"operators": [{"command": "REQ", "param": "expect"}]})%)",
                              "%CEL(request.headers['ex' + 'pect'])%", "%TYPED_CEL(request.headers)%"}) {
    EXPECT_TRUE(NamesKeyHeader(message)) << message;
  }
  for (const char* message : {"", "x", "xpect", "expect",
                              "\x07"
                              "expects",
                              "unexpected", "what you expect", "(expected", "is it?Expected",
                              "\x06"
                              "expec",
                              "(expec"}) {
    EXPECT_FALSE(NamesKeyHeader(message)) << message;
  }
  VirtualHost host;
  host.domains = {"a.com"};
  EXPECT_FALSE(CountDomains(host).names_header);
  host.bytes = std::make_shared<const std::string>(
      "..\x06"
      "expect..");
  TableSize size = Size(1'000, 0);
  EXPECT_FALSE(Divide(proxy::kAutoShards, size, {}).cut.own_header);
  size.Add(CountDomains(host));
  EXPECT_TRUE(Divide(proxy::kAutoShards, size, {}).cut.own_header);
}

TEST(DivisionTest, TheHeaderOfOurOwnStaysUntilTheNumberOfPartsChanges) {
  const Cut own{.shards = 128, .own_header = true};
  EXPECT_EQ(Divide(proxy::kAutoShards, Size(1'000, 0), own).cut, own);
  EXPECT_EQ(Divide(128, Size(1'000, 0), own).cut, own);
  EXPECT_EQ(Divide(proxy::kAutoShards, Size(45'000, 0), own).cut, Cut{.shards = 512});
  EXPECT_EQ(Divide(64, Size(1'000, 0), own).cut, Cut{.shards = 64});
  EXPECT_EQ(Divide(proxy::kAutoShards, Size(10, 0), own).cut, Cut());
  EXPECT_EQ(Divide(proxy::kAutoShards, Size(1'000, 0, true), own).cut, Cut()) << "there is an obstacle";
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
  host.domains = {"a.com", "b.com"};
  host.bytes = std::make_shared<const std::string>(1'000, 'x');
  EXPECT_EQ(CountDomains(host).domain_bytes, 10u);
  EXPECT_EQ(CountDomains(host).rest_bytes, 512u + 1'024u);
  host.bytes = std::make_shared<const std::string>(1'020, 'x');
  EXPECT_EQ(CountDomains(host).rest_bytes, 512u + 1'024u) << "a small edit is no change";
}

}  // namespace
}  // namespace k8sgw::envoy
