// Layers of images → WebAssembly modules.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "src/wasm_cache/manifest.h"

namespace k8sgw::wasm_cache {

// The module in a layer: the layer itself, or the file plugin.wasm at the top of a tar archive. At most `max_bytes` of
// module are taken, and a few times as many bytes of an archive are looked at. Errors: there is none, it is too large,
// or the bytes are no WebAssembly module.
absl::StatusOr<std::string> ExtractModule(std::string layer, Packing packing, size_t max_bytes);

}  // namespace k8sgw::wasm_cache
