// What is known of an image that holds a WebAssembly module: an input of the graph beside users' objects.
#pragma once

#include <compare>
#include <string>
#include <utility>

namespace k8sgw {

// An image, as users write it.
struct WasmImage {
  std::string name;

  auto operator<=>(const WasmImage&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const WasmImage& image) {
    return H::combine(std::move(state), image.name);
  }
  const std::string& ToString() const { return name; }
};

struct WasmModule {
  // Of the module's bytes, which can be had from us; "" while none were ever there.
  std::string sha256;
  // Why there are none, or perhaps no longer the newest; "" when all is well.
  std::string problem;

  bool operator==(const WasmModule&) const = default;
};

}  // namespace k8sgw
