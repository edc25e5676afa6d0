// What the host of a static Upstream is.
#pragma once

#include <string>

namespace k8sgw::plugins::static_upstream {

// Otherwise it is a name that Envoy looks up.
bool IsIpAddress(const std::string& address);

}  // namespace k8sgw::plugins::static_upstream
