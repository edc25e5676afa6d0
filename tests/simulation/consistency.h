// What must hold of any one state of a pipeline, however it came to be.
#pragma once

#include <string>
#include <vector>

#include "src/pipeline/pipeline.h"

namespace k8sgw::sim {

// References that lead nowhere, in words: a listener's table of routes and the secrets of listeners and clusters must
// be there, and tables must belong to a listener. As published, routes lead to a cluster that is not there when there
// is no such Upstream; a problem must say so, unless the routes are a last good version of what has errors now.
std::vector<std::string> BrokenReferences(const Pipeline& pipeline);

}  // namespace k8sgw::sim
