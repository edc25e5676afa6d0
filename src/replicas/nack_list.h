// What one replica says of the refusals of its Envoys, as JSON.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/pipeline/nacks.h"

namespace k8sgw::replicas {

// A ConfigMap holds one MiB, for all replicas together.
inline constexpr size_t kMostListBytes = 128 << 10;

struct NackList {
  std::vector<NackInForce> nacks;
  // Those that there was no room for, or that make no sense.
  size_t left_out = 0;

  bool operator==(const NackList&) const = default;
};

// A JSON array, no longer than `most_bytes`, of as many as have room, in order; "" for none. `left_out` is set to the
// number of the others.
std::string WriteNacks(const std::vector<NackInForce>& nacks, size_t most_bytes, size_t* left_out);

// What a replica has said, with that list at "refusals". Others are not to be trusted: what has none is an error, and
// entries that no replica would write are left out. Fields that are not known are ignored.
absl::StatusOr<NackList> ReadNacks(const std::string& text);

}  // namespace k8sgw::replicas
