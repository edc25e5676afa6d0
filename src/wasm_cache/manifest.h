// Manifests of OCI and Docker images, and which layer of them is the WebAssembly module.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace k8sgw::wasm_cache {

// What a registry is asked for.
inline constexpr char kManifestTypes[] =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

struct Descriptor {
  std::string media_type;
  // "sha256:…", always.
  std::string digest;
  uint64_t size = 0;
  // Of the entries of an index.
  std::string os;
  std::string architecture;

  bool operator==(const Descriptor&) const = default;
};

struct Manifest {
  // Whether the entries are manifests, else they are layers.
  bool is_index = false;
  std::vector<Descriptor> entries;
};

// Reads the body of a manifest. Errors: it is none, of a kind that is not known, or names something by another digest
// than sha256.
absl::StatusOr<Manifest> ParseManifest(const std::string& body);

// The manifest in an index that is most likely the module's: the one for wasm, else the one for Linux on amd64, else
// the first.
absl::StatusOr<Descriptor> PickManifest(const Manifest& index);

// How the module is packed into a layer.
enum class Packing { kPlain, kTar, kTarGzip };

struct ModuleLayer {
  Descriptor descriptor;
  Packing packing = Packing::kPlain;
};

// The layer that is a module; of an image that has none, the last one, which is to hold plugin.wasm.
absl::StatusOr<ModuleLayer> PickLayer(const Manifest& manifest);

}  // namespace k8sgw::wasm_cache
