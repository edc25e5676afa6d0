// The whole way from one seed: an API server that breaks, the control plane of `gloo`, Envoys that refuse, stall and
// reconnect, and the statuses that come back to the server; with restarts of the control plane.
//
// - No fault of the server takes anything from an Envoy; see also FakeEnvoy and Gloo for what is looked at all the
// time.
// - When all is calm, Envoys and statuses are what a fresh start makes of the server's objects (with the memory of last
//   good versions, and what Envoys refuse), entries of other writers are as they left them, and nothing is sent any
//   more.
// - There are no more writes than reasons for them.
#pragma once

#include <cstdint>

#include "tests/simulation/gloo.h"

namespace k8sgw::sim {

struct ClusterResult : Result {
  ClusterWays cluster;
  GlooWays gloo;
  // How often all was compared with a fresh start in the middle of a life.
  int compared = 0;
};

// `steps` things happen to the cluster. With `verbose` the events are printed.
ClusterResult SimulateCluster(uint64_t seed, int steps, bool verbose = false);

}  // namespace k8sgw::sim
