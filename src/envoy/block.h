// Virtual hosts that stand one after the other in a table, joined to bytes that versions of it share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/base/hash.h"
#include "src/base/ptr.h"

namespace k8sgw::envoy {

struct Block {
  // Those of all hosts, joined, and those of each.
  Ptr<std::string> bytes;
  Ptr<std::vector<Ptr<std::string>>> pieces;
  // Of the hosts' content.
  uint64_t hash = 0;
  uint32_t longest_body = 0;

  bool operator==(const Block& other) const { return hash == other.hash; }
};

// Makes a block of what it is given, in that order: whatever has bytes, a hash of these, and a longest body.
class BlockJoiner {
 public:
  template <class Host>
  void Add(const Host& host) {
    bytes_ += *host.bytes;
    pieces_.push_back(host.bytes);
    block_.hash = HashCombine(block_.hash, host.hash);
    block_.longest_body = std::max(block_.longest_body, host.longest_body);
  }
  bool empty() const { return pieces_.empty(); }
  Block Finish() && {
    bytes_.shrink_to_fit();
    pieces_.shrink_to_fit();
    block_.bytes = std::make_shared<const std::string>(std::move(bytes_));
    block_.pieces = std::make_shared<const std::vector<Ptr<std::string>>>(std::move(pieces_));
    return std::move(block_);
  }

 private:
  std::string bytes_;
  std::vector<Ptr<std::string>> pieces_;
  Block block_;
};

}  // namespace k8sgw::envoy
