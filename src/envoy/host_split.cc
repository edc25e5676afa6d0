#include "src/envoy/host_split.h"

#include <map>
#include <memory>
#include <set>
#include <string_view>

#include "module/shard.h"
#include "src/base/hash.h"

namespace k8sgw::envoy {
namespace {

// Fields of envoy.config.route.v3.VirtualHost, as tags; both come first in its bytes, in this order.
constexpr char kName = 1 << 3 | 2;
constexpr char kDomains = 2 << 3 | 2;

uint64_t TakeVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; !bytes.empty() && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

void AppendVarint(uint64_t value, std::string& out) {
  for (; value > 0x7f; value >>= 7) out.push_back(static_cast<char>((value & 0x7f) | 0x80));
  out.push_back(static_cast<char>(value));
}

// A field with its tag and length, taken off the front.
std::string_view TakeField(std::string_view& bytes) {
  const std::string_view all = bytes;
  bytes.remove_prefix(1);
  const uint64_t size = TakeVarint(bytes);
  bytes.remove_prefix(size);
  return all.substr(0, all.size() - bytes.size());
}

std::string_view TextOf(std::string_view field) {
  field.remove_prefix(1);
  TakeVarint(field);
  return field;
}

// The bytes of a virtual host, taken apart.
struct Parts {
  explicit Parts(std::string_view field) {
    tag = field.front();
    std::string_view rest = TextOf(field);
    if (!rest.empty() && rest.front() == kName) name = TakeField(rest);
    while (!rest.empty() && rest.front() == kDomains) domains.push_back(TakeField(rest));
    others = rest;
  }

  Ptr<HostPiece> With(const std::vector<std::string_view>& some, uint32_t longest_body, bool everywhere) const {
    size_t size = name.size() + others.size();
    for (const std::string_view domain : some) size += domain.size();
    std::string out(1, tag);
    out.reserve(size + 6);
    AppendVarint(size, out);
    out += name;
    for (const std::string_view domain : some) out += domain;
    out += others;
    auto piece = std::make_shared<HostPiece>();
    piece->hash = Hash64(out);
    piece->bytes = std::make_shared<const std::string>(std::move(out));
    piece->longest_body = longest_body;
    piece->everywhere = everywhere;
    return piece;
  }

  char tag = 0;
  std::string_view name;
  std::vector<std::string_view> domains;
  std::string_view others;
};

uint32_t ShardOf(std::string_view domain, const Cut& cut) {
  return shard::ShardOf({domain.data(), domain.size()}, cut.shards);
}

Ptr<HostPiece> Whole(const VirtualHost& host, bool everywhere) {
  return std::make_shared<const HostPiece>(HostPiece{host.bytes, host.hash, host.longest_body, everywhere});
}

}  // namespace

std::vector<std::pair<uint32_t, Ptr<HostPiece>>> SplitHost(const VirtualHost& host, const Cut& cut) {
  std::set<uint32_t> shards;
  bool exact = false;
  bool wildcard = false;
  for (const std::string& domain : host.domains) {
    (IsWildcard(domain) ? wildcard : exact) = true;
    if (!IsWildcard(domain)) shards.insert(ShardOf(domain, cut));
  }
  std::vector<std::pair<uint32_t, Ptr<HostPiece>>> out;
  if (!wildcard && shards.size() == 1) {
    out.emplace_back(*shards.begin(), Whole(host, false));
    return out;
  }
  if (!exact) {
    const Ptr<HostPiece> whole = Whole(host, true);
    for (uint32_t i = 0; i < cut.shards; ++i) out.emplace_back(i, whole);
    return out;
  }
  const Parts parts(*host.bytes);
  // The domains of each part, in their order; wildcards are added to all.
  std::vector<std::string_view> everywhere;
  std::map<uint32_t, std::vector<std::string_view>> by_shard;
  for (const std::string_view field : parts.domains) {
    const std::string domain(TextOf(field));
    if (!IsWildcard(domain)) {
      by_shard[ShardOf(domain, cut)].push_back(field);
    } else {
      everywhere.push_back(field);
    }
  }
  const Ptr<HostPiece> others = wildcard ? parts.With(everywhere, host.longest_body, true) : nullptr;
  for (uint32_t i = 0; i < cut.shards; ++i) {
    if (auto some = by_shard.extract(i)) {
      some.mapped().insert(some.mapped().end(), everywhere.begin(), everywhere.end());
      out.emplace_back(i, parts.With(some.mapped(), host.longest_body, wildcard));
    } else if (others) {
      out.emplace_back(i, others);
    }
  }
  return out;
}

}  // namespace k8sgw::envoy
