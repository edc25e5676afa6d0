#include "src/envoy/division.h"

#include <algorithm>
#include <array>

#include "module/shard.h"
#include "src/proxy/route_shards.h"

namespace k8sgw::envoy {
namespace {

static_assert(proxy::kMostShards == shard::kMostShards);

// Below this Envoy makes the whole table in a few milliseconds; a listener that gained domains and lost some again does
// not go back and forth.
constexpr uint64_t kDivideFrom = 300;
constexpr uint64_t kWholeBelow = 200;
// From so many domains on the parts of the usual division are large.
constexpr uint64_t kManyFrom = 30'000;
constexpr uint64_t kManyUntil = 20'000;
constexpr uint32_t kMany = 1024;
constexpr std::array<uint32_t, 3> kUsual = {256, 64, 16};

constexpr char kLocalRateLimit[] = "envoy.filters.http.local_ratelimit";

// With more parts, the copies of wildcards would take more room than all the rest.
bool Fits(uint32_t shards, uint64_t exact, uint64_t wildcard) { return shards * wildcard <= exact; }

uint32_t BestShards(uint64_t exact, uint64_t wildcard) {
  if (exact < kDivideFrom) return 0;
  if (exact > kManyFrom && Fits(kMany, exact, wildcard)) return kMany;
  const auto* found =
      std::find_if(kUsual.begin(), kUsual.end(), [&](uint32_t shards) { return Fits(shards, exact, wildcard); });
  return found == kUsual.end() ? 0 : *found;
}

// A change of the division moves all connections to a new listener, so what is there stays while it is bearable.
bool IsBearable(uint32_t shards, uint32_t best, uint64_t exact, uint64_t wildcard) {
  if (shards == 0 || exact < kWholeBelow || !Fits(shards, 2 * exact, wildcard)) return false;
  if (shards == kMany) return exact >= kManyUntil;
  return best <= shards || !Fits(best, exact / 2, wildcard) || (best == kMany && exact < kManyFrom + kManyFrom / 2);
}

}  // namespace

bool IsWildcard(const std::string& domain) { return domain.starts_with("*") || domain.ends_with("*"); }

std::string ShardPrefix(const std::string& route_config, const Cut& cut) {
  return route_config + "/" + shard::kVersion + "." + std::to_string(cut.shards) + "." + std::to_string(cut.labels) +
         "/";
}

DomainCount CountDomains(const VirtualHost& host) {
  DomainCount count;
  count.route_config = host.route_config;
  for (const std::string& domain : host.domains) {
    if (IsWildcard(domain)) {
      count.wildcard = 1;
    } else {
      ++count.exact;
    }
  }
  count.limits = host.needs.contains(kLocalRateLimit) && (count.wildcard > 0 || count.exact > 1);
  return count;
}

Division Divide(uint32_t route_shards, uint64_t exact, uint64_t wildcard, bool limits, const Cut& before) {
  Division out;
  if (route_shards == proxy::kAutoShards) {
    const uint32_t best = BestShards(exact, wildcard);
    out.cut.shards = IsBearable(before.shards, best, exact, wildcard) ? before.shards : best;
  } else {
    out.cut.shards = route_shards;
  }
  if (out.cut.shards > 0 && limits) {
    out.cut = {};
    out.obstacle = "a virtual host with a wildcard, or with several domains, limits the rate of its requests";
  }
  return out;
}

}  // namespace k8sgw::envoy
