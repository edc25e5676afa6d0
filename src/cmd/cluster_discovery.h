// What `gloo` and `discovery` share: discovery of Upstreams, bound to a cluster.
#pragma once

#include <functional>
#include <string>

#include "src/discovery/driver/upstream_discovery.h"
#include "src/sources/kube/loop.h"
#include "src/sources/kube/writer.h"

namespace k8sgw {

// Loop and writer outlive it. `leads` is asked before each write.
discovery::UpstreamDiscovery::Environment DiscoveryEnvironment(kube::Loop& loop, kube::Writer& writer,
                                                               kube::RandomFraction random,
                                                               std::function<bool()> leads);

// How fast may be written, by Settings; `otherwise` when they do not say (nullptr: there are none). Of what they leave
// out, the published default counts.
kube::CallRate ReadRate(const gloov1::Settings* settings, kube::CallRate otherwise);

// Logs what the switches of Settings come to.
void TellDiscoverySwitches(const gloov1::Settings& settings);

}  // namespace k8sgw
