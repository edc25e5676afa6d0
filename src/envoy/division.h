// Whether a route table is divided into parts, and into how many: see docs/design/sharded-routes.md.
//
// Envoy makes all virtual hosts of a table anew when one changes. In a divided table each exact domain stands in the
// part that module/shard.h picks for it, and wildcards, which may match any host, in all parts; so the parts together
// answer as the whole does, and a change costs what one part costs.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "src/envoy/context.h"
#include "src/envoy/virtual_host.h"

namespace k8sgw::envoy {

// How a table is divided. Tables of different cuts are apart from each other: Envoy may have both while it goes from
// one to the other, and the key of a part never means another part.
struct Cut {
  uint32_t shards = 0;  // 0: not divided
  // The key is in the header that has no other use, for listeners where the usual one may have one; see module/shard.h.
  bool own_header = false;

  const char* header() const;
  auto operator<=>(const Cut&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const Cut& cut) {
    return H::combine(std::move(state), cut.shards, cut.own_header);
  }
};

// The names of the parts begin with this; then comes the number.
std::string ShardPrefix(const std::string& route_config, const Cut& cut);

// Their keys begin with this; then comes the number. Each request carries a key, and Envoy copies it twice, so it is at
// most 22 bytes, which need no memory of their own there.
std::string ShardKeyPrefix(const std::string& shard_prefix);

// The key of the part of this name.
std::string ShardKeyOf(const std::string& name);

// What a virtual host means for the division of its table.
struct DomainCount {
  RouteConfigKey route_config{};
  uint32_t exact = 0;
  // 1 when it has a wildcard, so that it stands in every part.
  uint32_t wildcard = 0;
  // It may stand in several parts, and has limits of rates, which each copy would have for itself.
  bool limits = false;
  // Its routes look at the header that usually carries the key, or set it.
  bool names_header = false;
  // Its weight in bytes: domains, and the rest, which each of its copies has. The rest is rounded up, so that an edit
  // of routes seldom changes it.
  uint64_t domain_bytes = 0;
  uint64_t rest_bytes = 0;

  bool operator==(const DomainCount&) const = default;
};
DomainCount CountDomains(const VirtualHost& host);

// Whether a message of Envoy's names the header that usually carries the key: as a header, or in a format. The answer
// may be yes for other words; it is never no by mistake.
bool NamesKeyHeader(std::string_view message);

// All virtual hosts of a table together.
class TableSize {
 public:
  void Add(const DomainCount& host);

  uint64_t exact() const { return exact_; }
  bool limits() const { return limits_; }
  bool names_header() const { return names_header_; }
  // About how many bytes all parts have together, with the copies of what stands in several of them; 1 for the whole.
  uint64_t Bytes(uint32_t shards) const;

 private:
  uint64_t exact_ = 0;
  bool limits_ = false;
  bool names_header_ = false;
  uint64_t domain_bytes_ = 0;
  // Of those with wildcards, and of the others by their number of domains.
  uint64_t everywhere_bytes_ = 0;
  std::map<uint32_t, uint64_t> bytes_by_exact_;
};

struct Division {
  Cut cut;
  // Why it is not divided, although it has so many domains.
  std::string obstacle;

  bool operator==(const Division&) const = default;
};

// `before` is the cut that is in force, which stays until another is clearly better.
Division Divide(uint32_t route_shards, const TableSize& size, const Cut& before);

// Whether a domain matches more than one host.
bool IsWildcard(const std::string& domain);

}  // namespace k8sgw::envoy
