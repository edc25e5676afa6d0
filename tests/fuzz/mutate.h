// Mutations that know what an input is: documents of YAML that hold objects of the API.
#pragma once

#include <cstddef>
#include <cstdint>

namespace k8sgw::fuzz {

// One of: some bytes, some node of the tree, or some field of an object, as its message describes it. Works in place
// like LLVMFuzzerCustomMutator, and returns the new size.
size_t MutateText(uint8_t* data, size_t size, size_t capacity, unsigned seed);

}  // namespace k8sgw::fuzz
