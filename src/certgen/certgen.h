// One run of certgen: step after step, until nothing is due.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/certgen/rotation.h"
#include "src/certgen/store.h"

namespace k8sgw::certgen {

struct World {
  // Seconds since 1970.
  std::function<int64_t()> now;
  std::function<void(int64_t seconds)> sleep;
  std::function<void(const std::string& line)> log;
  // After each look at the store: whoever trusts its authorities without reading it is told; nullptr when there is
  // nobody. True when something was written.
  std::function<absl::StatusOr<bool>(Store& store)> tell;
};

struct RunOptions {
  Demand demand;
  bool force = false;
  // Wait for the later steps of a rotation. Otherwise they are left to later runs.
  bool wait = false;
};

// Errors: the store's, `tell`'s, and others who write all the time.
absl::Status Run(const RunOptions& options, Store& store, const World& world);

}  // namespace k8sgw::certgen
