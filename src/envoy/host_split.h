// A virtual host → what of it stands in which part of a divided table.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "src/base/ptr.h"
#include "src/envoy/division.h"
#include "src/envoy/virtual_host.h"

namespace k8sgw::envoy {

// As VirtualHost::bytes, with its hash; of a virtual host that is in one part only, or the same in all, these are the
// very bytes of it.
struct HostPiece {
  Ptr<std::string> bytes;
  uint64_t hash = 0;
  uint32_t longest_body = 0;
  // Of a virtual host with a wildcard, so that each part has a piece of it.
  bool everywhere = false;

  // A piece with the same bytes has the same wildcards.
  bool operator==(const HostPiece& other) const { return hash == other.hash; }
};

// By the number of the part, ascending. Parts that get the same share it. Each exact domain is in one part, wildcards
// are in all.
std::vector<std::pair<uint32_t, Ptr<HostPiece>>> SplitHost(const VirtualHost& host, const Cut& cut);

}  // namespace k8sgw::envoy
