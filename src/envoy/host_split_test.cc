#include "src/envoy/host_split.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"
#include "module/shard.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"

namespace k8sgw::envoy {
namespace {

constexpr Cut kCut{.shards = 16};

VirtualHost Host(const std::vector<std::string>& domains) {
  ::envoy::config::route::v3::RouteConfiguration table;
  auto& out = *table.add_virtual_hosts();
  out.set_name(std::string(200, 'n'));
  for (const std::string& domain : domains) out.add_domains(domain);
  out.add_routes()->mutable_match()->set_prefix("/");
  VirtualHost host;
  host.domains = domains;
  host.bytes = std::make_shared<const std::string>(SerializeDeterministic(table));
  host.hash = Hash64(*host.bytes);
  host.longest_body = 7;
  return host;
}

uint32_t ShardOf(const std::string& domain) { return shard::ShardOf({domain.data(), domain.size()}, kCut.shards); }

// The domains in each part; everything else must be as it was.
std::map<uint32_t, std::set<std::string>> Split(const VirtualHost& host) {
  std::map<uint32_t, std::set<std::string>> out;
  for (const auto& [shard, piece] : SplitHost(host, kCut)) {
    ::envoy::config::route::v3::RouteConfiguration table;
    EXPECT_TRUE(table.ParseFromString(*piece->bytes));
    EXPECT_EQ(table.virtual_hosts_size(), 1);
    const auto& found = table.virtual_hosts(0);
    EXPECT_EQ(found.name(), std::string(200, 'n'));
    EXPECT_EQ(found.routes_size(), 1);
    EXPECT_EQ(piece->longest_body, 7u);
    EXPECT_TRUE(out.emplace(shard, std::set<std::string>(found.domains().begin(), found.domains().end())).second);
  }
  return out;
}

TEST(HostSplitTest, OneDomainIsInOnePart) {
  const VirtualHost host = Host({"a.example.com"});
  const auto pieces = SplitHost(host, kCut);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(pieces[0].first, ShardOf("a.example.com"));
  EXPECT_EQ(pieces[0].second->bytes, host.bytes) << "the bytes are shared";
}

TEST(HostSplitTest, WildcardsAreInAllParts) {
  for (const std::string domain : {"*", "*.example.com", "*-x.example.com", "api.*"}) {
    const auto parts = Split(Host({domain}));
    ASSERT_EQ(parts.size(), kCut.shards) << domain;
    for (const auto& [shard, domains] : parts) EXPECT_EQ(domains, std::set<std::string>{domain});
  }
}

TEST(HostSplitTest, EachPartHasItsOwnDomains) {
  std::vector<std::string> domains;
  std::map<uint32_t, std::set<std::string>> expected;
  for (int i = 0; i < 40; ++i) {
    domains.push_back("h" + std::to_string(i) + ".example.com:8080");
    expected[ShardOf(domains.back())].insert(domains.back());
  }
  EXPECT_EQ(Split(Host(domains)), expected);
}

TEST(HostSplitTest, WildcardsStandBesideTheExactDomains) {
  const auto parts = Split(Host({"a.example.com", "*.example.com", "b.example.com"}));
  ASSERT_EQ(parts.size(), kCut.shards);
  for (const auto& [shard, domains] : parts) {
    EXPECT_TRUE(domains.contains("*.example.com"));
    EXPECT_EQ(domains.contains("a.example.com"), shard == ShardOf("a.example.com"));
    EXPECT_EQ(domains.contains("b.example.com"), shard == ShardOf("b.example.com"));
  }
}

}  // namespace
}  // namespace k8sgw::envoy
