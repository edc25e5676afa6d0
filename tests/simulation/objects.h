// Random objects as YAML documents.
#pragma once

#include <string>

#include "tests/simulation/random.h"

namespace k8sgw::sim {

// One document; right, wrong or doubtful.
std::string RandomObject(Random& random);

}  // namespace k8sgw::sim
