// SHA-256 as registries write it.
#pragma once

#include <string>
#include <string_view>

namespace k8sgw::wasm_cache {

// 64 lower-case hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);
// The same after "sha256:".
std::string Sha256Digest(std::string_view bytes);

}  // namespace k8sgw::wasm_cache
