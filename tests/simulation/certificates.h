// Certificates that were made for tests and protect nothing.
#pragma once

#include <string>

#include "tests/simulation/random.h"

namespace k8sgw::sim {

// `stringData` of a Secret of type kubernetes.io/tls.
std::string RandomTlsData(Random& random);
// The same with a certificate authority alone, or one that is none.
std::string RandomAuthorityData(Random& random);

}  // namespace k8sgw::sim
