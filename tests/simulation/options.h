// Random options, as the text of YAML in flow style: right ones from many plugins, and now and then a wrong one.
#pragma once

#include <string>

#include "tests/simulation/random.h"

namespace k8sgw::sim {

// Each returns fields without the braces around them; "" for none.
std::string RandomRouteOptions(Random& random);
std::string RandomVirtualHostOptions(Random& random);
std::string RandomHttpListenerOptions(Random& random);
std::string RandomListenerOptions(Random& random);
// Fields of an Upstream's spec beside those that say where it is.
std::string RandomUpstreamOptions(Random& random);

}  // namespace k8sgw::sim
