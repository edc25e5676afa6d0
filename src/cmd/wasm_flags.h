// The flags of the cache of WebAssembly modules.
#pragma once

#include <CLI/CLI.hpp>

#include "src/cmd/commands.h"

namespace k8sgw {

void AddWasmFlags(CLI::App& command, WasmOptions& wasm);

}  // namespace k8sgw
