#include "src/envoy/division.h"

#include <algorithm>
#include <array>
#include <bit>

#include "absl/strings/ascii.h"
#include "module/shard.h"
#include "src/base/hash.h"
#include "src/base/text.h"
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
// More parts make an edit of one host cheaper, and one of a wildcard dearer, as Envoy needs 0.2 ms for each part
// besides its hosts; and a request finds fewer of them in the cache.
constexpr uint32_t kMany = 512;
constexpr std::array<uint32_t, 3> kUsual = {128, 32, 8};

// Says how the key follows from the name: a name with another key would be another scope to some, and the same to
// others. And the header that carries it, as each table removes its own.
constexpr char kKeyForm[] = "h";
constexpr char kKeyFormInOwnHeader[] = "o";

constexpr char kLocalRateLimit[] = "envoy.filters.http.local_ratelimit";

// More than so many bytes of parts are made for nobody, whatever number they ask for: Envoy needs several times as
// much.
constexpr uint64_t kMostBytes = 64 << 20;

// What Envoy needs for any virtual host, about.
constexpr uint64_t kLeastBytes = 512;

// To a quarter of a power of two.
uint64_t RoundedUp(uint64_t bytes) {
  const uint64_t step = std::max<uint64_t>(16, std::bit_floor(bytes) / 4);
  return (bytes + step - 1) / step * step;
}

// Whether the copies leave all parts together smaller than the whole times `halves` / 2.
bool Fits(const TableSize& size, uint32_t shards, uint64_t halves) {
  return 2 * size.Bytes(shards) <= halves * size.Bytes(1);
}
// What is chosen; what stays; and what is worth a change.
constexpr uint64_t kGood = 4;
constexpr uint64_t kBearable = 6;
constexpr uint64_t kClearlyGood = 3;

uint32_t BestShards(const TableSize& size) {
  if (size.exact() < kDivideFrom) return 0;
  if (size.exact() > kManyFrom && Fits(size, kMany, kGood)) return kMany;
  const auto* found =
      std::find_if(kUsual.begin(), kUsual.end(), [&](uint32_t shards) { return Fits(size, shards, kGood); });
  return found == kUsual.end() ? 0 : *found;
}

// A change of the division moves all connections to a new listener, so what is there stays while it is bearable.
bool IsBearable(uint32_t shards, uint32_t best, const TableSize& size) {
  if (shards == 0 || size.exact() < kWholeBelow || !Fits(size, shards, kBearable)) return false;
  if (shards >= kMany) return shards == kMany && size.exact() >= kManyUntil;
  return best <= shards || !Fits(size, best, kClearlyGood) ||
         (best == kMany && size.exact() < kManyFrom + kManyFrom / 2);
}

}  // namespace

bool IsWildcard(const std::string& domain) { return domain.starts_with("*") || domain.ends_with("*"); }

const char* Cut::header() const { return own_header ? shard::kOwnHeader : shard::kHeader; }

std::string ShardPrefix(const std::string& route_config, const Cut& cut) {
  return Cat(route_config, "/", shard::kVersion, cut.own_header ? kKeyFormInOwnHeader : kKeyForm, ".", cut.shards, "/");
}

std::string ShardKeyPrefix(const std::string& shard_prefix) { return HexHash(Hash64(shard_prefix)) + "-"; }

std::string ShardKeyOf(const std::string& name) {
  const size_t number = name.rfind('/') + 1;
  return ShardKeyPrefix(name.substr(0, number)) + name.substr(number);
}

DomainCount CountDomains(const VirtualHost& host) {
  DomainCount count;
  count.route_config = host.route_config;
  for (const std::string& domain : host.domains) {
    count.domain_bytes += domain.size();
    if (IsWildcard(domain)) {
      count.wildcard = 1;
    } else {
      ++count.exact;
    }
  }
  const uint64_t all = host.bytes ? host.bytes->size() : 0;
  count.rest_bytes = kLeastBytes + RoundedUp(all - std::min(all, count.domain_bytes));
  count.names_header = host.bytes && NamesKeyHeader(*host.bytes);
  count.limits = host.needs.contains(kLocalRateLimit) && (count.wildcard > 0 || count.exact > 1);
  return count;
}

bool NamesKeyHeader(std::string_view message) {
  // Behind its length when it stands alone; in formats as in %REQ(EXPECT)%, %REQ(A?EXPECT)% and %COALESCE({"param":
  // "expect"})%. Expressions may make the name out of parts, or look at all headers.
  static constexpr std::string_view kName = shard::kHeader;
  static constexpr std::string_view kExpression = "CEL(";
  static constexpr char kLength = static_cast<char>(kName.size());
  static constexpr std::string_view kBefore = "(?\"";
  if (message.find(kExpression) != std::string_view::npos) return true;
  // Few words have an x.
  for (size_t at = 2; (at = message.find_first_of("xX", at)) != std::string_view::npos; ++at) {
    const auto same = [](char a, char b) { return absl::ascii_tolower(static_cast<unsigned char>(a)) == b; };
    if (!std::ranges::equal(message.substr(at - 1, kName.size()), kName, same)) continue;
    const char before = message[at - 2];
    if (before == kLength) return true;
    const size_t behind = at - 1 + kName.size();
    const bool goes_on = behind < message.size() && absl::ascii_isalnum(static_cast<unsigned char>(message[behind]));
    if (!goes_on && kBefore.find(before) != std::string_view::npos) return true;
  }
  return false;
}

void TableSize::Add(const DomainCount& host) {
  exact_ += host.exact;
  limits_ = limits_ || host.limits;
  names_header_ = names_header_ || host.names_header;
  domain_bytes_ += host.domain_bytes;
  (host.wildcard > 0 ? everywhere_bytes_ : bytes_by_exact_[host.exact]) += host.rest_bytes;
}

uint64_t TableSize::Bytes(uint32_t shards) const {
  uint64_t bytes = domain_bytes_ + everywhere_bytes_ * shards;
  for (const auto& [exact, rest] : bytes_by_exact_) bytes += rest * std::min(exact, shards);
  return bytes;
}

Division Divide(uint32_t route_shards, const TableSize& size, const Cut& before) {
  Division out;
  if (route_shards == proxy::kAutoShards) {
    const uint32_t best = BestShards(size);
    out.cut.shards = IsBearable(before.shards, best, size) ? before.shards : best;
  } else {
    out.cut.shards = route_shards;
  }
  if (out.cut.shards == 0) return out;
  if (size.limits()) {
    out.obstacle = "a virtual host with a wildcard, or with several domains, limits the rate of its requests";
  } else if (const uint64_t bytes = size.Bytes(out.cut.shards);
             bytes > kMostBytes && !Fits(size, out.cut.shards, kGood)) {
    out.obstacle = Cat("in ", out.cut.shards, " parts it would take ", bytes >> 20, " MiB, as wildcards are in each");
  }
  // Who names the header once may do so again, and each change of it moves all connections: it stays until the number
  // of parts changes.
  const bool stays = before.own_header && before.shards == out.cut.shards;
  out.cut.own_header = size.names_header() || stays;
  if (!out.obstacle.empty()) out.cut = {};
  return out;
}

}  // namespace k8sgw::envoy
