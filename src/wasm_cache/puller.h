// One image out of a registry (the OCI distribution API), checked by digest at each step.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "src/model/image_reference.h"
#include "src/wasm_cache/docker_config.h"
#include "src/wasm_cache/fetch.h"

namespace k8sgw::wasm_cache {

struct PullOptions {
  FetchOptions fetch;
  size_t max_manifest_bytes = 4 << 20;
  // Of a layer, and of the module in it.
  size_t max_module_bytes = 64 << 20;
};

struct Pulled {
  // Ok, or why there is no module; the words name the registry, and nothing that it sent.
  absl::Status status;
  // With an error: it may be better soon, and not before so long.
  bool transient = false;
  std::chrono::seconds retry_after{0};
  // The tag leads to the manifest that was known: nothing was pulled.
  bool unchanged = false;
  // Of the manifest that the reference names.
  std::string manifest_digest{};
  std::string module{};
  std::string media_type{};
};

// Blocks; ends early with Cancelled when `stop` becomes true. `known_manifest` is the digest of the manifest whose
// module is here already, or "". `login` may be empty.
Pulled Pull(const ImageReference& reference, const Login& login, const std::string& known_manifest,
            const PullOptions& options, const std::atomic<bool>& stop);

}  // namespace k8sgw::wasm_cache
