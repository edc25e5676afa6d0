// The objects that the graph has, by key: what verdicts are compared with.
#pragma once

#include <vector>

#include "src/model/objects.h"

namespace k8sgw {
struct Inputs;
}

namespace k8sgw::admission {

// The hash of the object that stands at `key`; 0 when there is none.
uint64_t HashAt(const Inputs& inputs, const ResourceKey& key);
// Deletions of all objects of a namespace.
std::vector<Change> DeletionsOf(const Inputs& inputs, const Name& ns);

}  // namespace k8sgw::admission
