// The whole control plane and its Envoys from one seed: no network, no disk, no clock but the virtual one.
#pragma once

#include <cstdint>

#include "tests/simulation/fleet.h"

namespace k8sgw::sim {

// `steps` changes of files. With `verbose` the events are printed as they happen.
Result Simulate(uint64_t seed, int steps, bool verbose = false);

}  // namespace k8sgw::sim
