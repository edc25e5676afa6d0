// The benchmarks of divided route tables: each runs K8sGateway with the table as a whole and with the table divided, in
// turns. What they promise: docs/design/sharded-routes.md.
#pragma once

#include "benchmarks/figures.h"
#include "benchmarks/side.h"

namespace k8sgw::bench {

// One VirtualService of `n` is edited on disk, until the first changed answer, beside the same with one host; CPU.
void EditDivided(const Programs& programs, int n, int samples, Figures& figures);
// A wildcard among `n` hosts is edited, which stands in every part, until hosts of many parts answer anew; CPU.
void EditWildcard(const Programs& programs, int n, int samples, Figures& figures);
// Requests in a closed loop, to a backend and answered by Envoy itself.
void RequestsDivided(const Programs& programs, int n, int rounds, Figures& figures);
// Start to the first 200, and Envoy's memory then.
void StartDivided(const Programs& programs, int n, int samples, Figures& figures);

}  // namespace k8sgw::bench
