// The benchmarks. Each runs K8sGateway and its floor in turns, and adds its figures.
#pragma once

#include "benchmarks/figures.h"
#include "benchmarks/side.h"

namespace k8sgw::bench {

// One VirtualService of `n` in one table is edited on disk, until the first changed answer; CPU and re-run transforms.
void EditVirtualService(const Programs& programs, int n, int samples, Figures& figures);
// One Upstream of `n` is edited on disk.
void EditUpstream(const Programs& programs, int n, int samples, Figures& figures);
// Start to the first 200, against Envoy with the same configuration as a static file.
void ColdStart(const Programs& programs, const std::string& name, int n, double times, int samples, Figures& figures);
// Resident memory of the control plane.
void Memory(const Programs& programs, int n, Figures& figures);

}  // namespace k8sgw::bench
