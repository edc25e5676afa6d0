// The benchmarks of size: how cost grows with what there is. Without an Envoy and without a cluster.
#pragma once

#include "benchmarks/figures.h"
#include "benchmarks/side.h"

namespace k8sgw::bench {

// Many clients of one control plane with n VirtualServices: what each costs, and when the last of them has a change.
// The floor is a bare ADS server that holds the same bytes.
void FleetOfClients(const Programs& programs, int n, int clients, int samples, Figures& figures);
// One client, n VirtualServices with an Upstream each: an edit, a first response, a start, memory.
void CurveOfVirtualServices(const Programs& programs, int n, int samples, Figures& figures);
// One VirtualService with n routes.
void CurveOfRoutes(const Programs& programs, int n, int samples, Figures& figures);
// n Gateways, each of which serves the same 1,000 VirtualServices.
void CurveOfGateways(const Programs& programs, int n, int samples, Figures& figures);
// One Service with n endpoints, in slices of 100.
void CurveOfEndpoints(const Programs& programs, int n, int samples, Figures& figures);

}  // namespace k8sgw::bench
