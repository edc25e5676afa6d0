// Small edits of the text of objects: most edits of people are.
#pragma once

#include <string>

#include "tests/simulation/random.h"

namespace k8sgw::sim {

// Changes one word of the text, if one of those that it knows stands in it.
std::string EditOneWord(Random& random, std::string text);

}  // namespace k8sgw::sim
