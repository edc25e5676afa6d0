// Whether a route table is divided into parts, and into how many: see docs/design/sharded-routes.md.
//
// Envoy makes all virtual hosts of a table anew when one changes. In a divided table each exact domain stands in the
// part that module/shard.h picks for it, and wildcards, which may match any host, in all parts; so the parts together
// answer as the whole does, and a change costs what one part costs.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

#include "src/envoy/context.h"
#include "src/envoy/virtual_host.h"

namespace k8sgw::envoy {

// How a table is divided. Tables of different cuts are apart from each other: Envoy may have both while it goes from
// one to the other, and the key of a part never means another part.
struct Cut {
  uint32_t shards = 0;  // 0: not divided
  uint32_t labels = 0;

  auto operator<=>(const Cut&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const Cut& cut) {
    return H::combine(std::move(state), cut.shards, cut.labels);
  }
};

// The names of the parts, which are the keys as well, begin with this; then comes the number.
std::string ShardPrefix(const std::string& route_config, const Cut& cut);

// What a virtual host means for the division of its table.
struct DomainCount {
  RouteConfigKey route_config;
  uint32_t exact = 0;
  // 1 when it has a wildcard, so that it stands in every part.
  uint32_t wildcard = 0;
  // It may stand in several parts, and has limits of rates, which each copy would have for itself.
  bool limits = false;

  bool operator==(const DomainCount&) const = default;
};
DomainCount CountDomains(const VirtualHost& host);

struct Division {
  Cut cut;
  // Why it is not divided, although it has so many domains.
  std::string obstacle;

  bool operator==(const Division&) const = default;
};

// `exact` and `wildcard` are sums over all virtual hosts; `before` is the
// cut that is in force, which stays until another is clearly better.
Division Divide(uint32_t route_shards, uint64_t exact, uint64_t wildcard, bool limits, const Cut& before);

// Whether a domain matches more than one host.
bool IsWildcard(const std::string& domain);

}  // namespace k8sgw::envoy
