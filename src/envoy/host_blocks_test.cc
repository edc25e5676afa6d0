#include "src/envoy/host_blocks.h"

#include <gtest/gtest.h>

#include <random>

#include "src/base/hash.h"

namespace k8sgw::envoy {
namespace {

Ptr<ServedVirtualHost> Host(const std::string& content) {
  auto host = std::make_shared<VirtualHost>();
  host->bytes = std::make_shared<const std::string>(content);
  host->hash = Hash64(content);
  host->longest_body = static_cast<uint32_t>(content.size());
  return std::make_shared<const ServedVirtualHost>(ServedVirtualHost{host});
}

proxy::VirtualHostKey Key(int i) {
  proxy::VirtualHostKey key;
  key.virtual_service.ns = "default";
  key.virtual_service.name = "vs" + std::to_string(i);
  return key;
}

// Everything that the blocks say but for addresses.
std::vector<std::string> Shown(const HostBlocks& blocks) {
  std::vector<std::string> out;
  for (const auto& block : blocks) {
    out.push_back(*block->bytes + " " + HexHash(block->hash) + " " + std::to_string(block->longest_body));
    for (const auto& host : block->hosts) out.push_back(*host->host->bytes);
    for (const auto& piece : *block->pieces) out.push_back(*piece);
  }
  return out;
}

ServedVirtualHosts Table(int count) {
  ServedVirtualHosts hosts;
  for (int i = 0; i < count; ++i) hosts[Key(i)] = Host("host " + std::to_string(i) + ";");
  return hosts;
}

size_t CountShared(const HostBlocks& a, const HostBlocks& b) {
  const std::set<Ptr<HostBlock>> all(a.begin(), a.end());
  return static_cast<size_t>(std::count_if(b.begin(), b.end(), [&](const auto& block) { return all.contains(block); }));
}

TEST(HostBlocks, HoldAllHostsInTheirOrder) {
  const ServedVirtualHosts hosts = Table(5'000);
  const HostBlocks blocks = MakeBlocks(hosts, {});
  EXPECT_GT(blocks.size(), 5u);
  EXPECT_LT(blocks.size(), 80u);
  std::string expected, joined;
  for (const auto& [key, host] : hosts) expected += *host->host->bytes;
  for (const auto& block : blocks) joined += *block->bytes;
  EXPECT_EQ(joined, expected);
  EXPECT_TRUE(MakeBlocks({}, blocks).empty());
}

TEST(HostBlocks, AnEditJoinsOneBlockAnew) {
  ServedVirtualHosts hosts = Table(5'000);
  const HostBlocks before = MakeBlocks(hosts, {});
  EXPECT_EQ(CountShared(before, MakeBlocks(hosts, before)), before.size());
  for (int edited : {0, 17, 2'500, 4'999}) {
    hosts = Table(0);
    for (const auto& block : before) {
      for (const auto& host : block->hosts) {
        const std::string& text = *host->host->bytes;
        hosts[Key(std::stoi(text.substr(5)))] = host;
      }
    }
    hosts[Key(edited)] = Host("edited;");
    const HostBlocks after = MakeBlocks(hosts, before);
    EXPECT_EQ(CountShared(before, after), before.size() - 1) << edited;
  }
}

TEST(HostBlocks, AreTheSameWhateverWasBefore) {
  std::mt19937 random(7);
  ServedVirtualHosts hosts = Table(1'500);
  HostBlocks blocks = MakeBlocks(hosts, {});
  for (int step = 0; step < 400; ++step) {
    for (int changes = static_cast<int>(random() % 4); changes >= 0; --changes) {
      const proxy::VirtualHostKey key = Key(static_cast<int>(random() % 2'000));
      if (random() % 3 == 0) {
        hosts.erase(key);
      } else {
        hosts[key] = Host("step " + std::to_string(step) + std::string(random() % 20, '.'));
      }
    }
    blocks = MakeBlocks(hosts, blocks);
    ASSERT_EQ(Shown(blocks), Shown(MakeBlocks(hosts, {}))) << "step " << step;
  }
}

}  // namespace
}  // namespace k8sgw::envoy
