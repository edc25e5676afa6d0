#include "src/envoy/host_blocks.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "src/base/hash.h"

namespace k8sgw::envoy {
namespace {

// Of so many virtual hosts one begins a block. To join a block takes some ten microseconds; blocks of some tens of
// kilobytes go to the wire without a copy.
constexpr uint64_t kMeanSize = 256;

using Iterator = ServedVirtualHosts::const_iterator;

bool BeginsBlock(const proxy::VirtualHostKey& key) {
  return Hash64(key.virtual_service.name.str(), Hash64(key.virtual_service.ns.str())) % kMeanSize == 0;
}

class Maker {
 public:
  Maker(const ServedVirtualHosts& hosts, const HostBlocks& before) : hosts_(hosts), before_(before) {}

  HostBlocks Make() {
    HostBlocks out;
    for (Iterator at = hosts_.begin(); at != hosts_.end();) {
      const Ptr<HostBlock> known = KnownAt(at->second);
      const Iterator end = known ? EndOfSame(*known, at) : at;
      if (end != at) {
        out.push_back(known);
        at = end;
      } else {
        out.push_back(Join(at));
      }
    }
    return out;
  }

 private:
  // The block of before that this host began; mostly the one after the last that was used.
  Ptr<HostBlock> KnownAt(const Ptr<ServedVirtualHost>& first) {
    if (next_ < before_.size() && before_[next_]->hosts.front() == first) return before_[next_++];
    if (by_first_.empty()) {
      for (size_t i = 0; i < before_.size(); ++i) by_first_[before_[i]->hosts.front().get()] = i;
    }
    const auto found = by_first_.find(first.get());
    if (found == by_first_.end()) return nullptr;
    next_ = found->second + 1;
    return before_[found->second];
  }

  // Where the block ends in the table, when it is the same from `at` on; else `at`.
  Iterator EndOfSame(const HostBlock& block, Iterator at) const {
    Iterator end = at;
    for (const auto& host : block.hosts) {
      if (end == hosts_.end() || end->second != host) return at;
      ++end;
    }
    return end == hosts_.end() || BeginsBlock(end->first) ? end : at;
  }

  // The block that begins at `at`, which moves to its end.
  Ptr<HostBlock> Join(Iterator& at) const {
    std::vector<Ptr<ServedVirtualHost>> hosts;
    BlockJoiner joiner;
    do {
      hosts.push_back(at->second);
      joiner.Add(*at->second->host);
      ++at;
    } while (at != hosts_.end() && !BeginsBlock(at->first));
    hosts.shrink_to_fit();
    return std::make_shared<const HostBlock>(HostBlock{std::move(joiner).Finish(), std::move(hosts)});
  }

  const ServedVirtualHosts& hosts_;
  const HostBlocks& before_;
  size_t next_ = 0;
  absl::flat_hash_map<const ServedVirtualHost*, size_t> by_first_;
};

}  // namespace

HostBlocks MakeBlocks(const ServedVirtualHosts& hosts, const HostBlocks& before) { return Maker(hosts, before).Make(); }

}  // namespace k8sgw::envoy
