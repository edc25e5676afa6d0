// The whole control plane and its Envoys from one seed: no network, no disk, no clock but the virtual one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace k8sgw::sim {

struct Result {
  // What went against the promises of src/xds/engine.h and of the pipeline; empty when all is well.
  std::vector<std::string> complaints;
  // Of everything that was sent: equal seeds have equal traces.
  uint64_t trace = 0;
  int64_t responses = 0;
  int64_t nacks = 0;
};

// `steps` changes of files. With `verbose` the events are printed as they happen.
Result Simulate(uint64_t seed, int steps, bool verbose = false);

}  // namespace k8sgw::sim
