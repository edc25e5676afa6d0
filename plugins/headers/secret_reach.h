// Where the headers of a Secret would be sent, for those who keep Secrets within their namespace.
#pragma once

#include <string>

#include "src/envoy/plugin.h"

namespace k8sgw::plugins::headers {

// The first destination that is not, or may not be, in namespace `ns`, such as "Upstream default/backend"; "" when
// there is none. Of a virtual host, all routes count; routes that do not forward requests send nothing.
std::string OutsideOf(const std::string& ns, const envoy::VirtualHostArgs& args);
std::string OutsideOf(const std::string& ns, const envoy::RouteArgs& args);
std::string OutsideOf(const std::string& ns, const envoy::WeightedDestinationArgs& args);

}  // namespace k8sgw::plugins::headers
