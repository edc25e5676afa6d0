// The bootstrap of an Envoy that has TLS to the control plane for somebody else on this machine.
#pragma once

#include <string>

#include "src/base/yaml.h"

namespace k8sgw::bootstrap {

// Whether whoever connects to this cluster needs more than TCP.
bool HasTransportSocket(const yaml::Node& cluster);

// Bytes that come to `socket` (mode 0600) go on to `cluster`, a static one of the bootstrap `tree`, in the TLS that it
// has there: with its certificates, wherever they come from, and its checks. The clusters that it gets them from are
// taken over, too, and so is the node. ALPN is h2 unless the cluster says another.
yaml::Node MakeTunnel(const yaml::Node& tree, const yaml::Node& cluster, const std::string& socket);

}  // namespace k8sgw::bootstrap
