// Content hashes: stable across runs, machines and versions, so they may be shown and sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace k8sgw {

// XXH3, 64 bits.
uint64_t Hash64(std::string_view bytes, uint64_t seed = 0);

// Mixes `value` into `hash`; the order of calls counts.
uint64_t HashCombine(uint64_t hash, uint64_t value);

// 16 lower-case hexadecimal digits.
std::string HexHash(uint64_t hash);

}  // namespace k8sgw
