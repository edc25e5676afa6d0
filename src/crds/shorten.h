// Makes definitions small enough for `kubectl apply` on the client's side.
//
// kubectl keeps a copy of what it applied in an annotation, and the API server takes 256 KiB for all annotations of an
// object. Much of a large definition is told over and over: the same message stands at many paths.
#pragma once

#include <cstddef>

#include "src/base/yaml.h"

namespace k8sgw::crds {

// What the copy may have, in bytes. The rest is for annotations of others, such as tools of deployment.
inline constexpr size_t kMaxApplied = 252 << 10;

// The bytes of the copy that kubectl keeps of a definition.
size_t AppliedSize(const yaml::Node& definition);

// Takes at least `excess` bytes of descriptions away, or all that are told twice. A message is explained in full at the
// first of its paths, by depth and then by order. At its other paths, the deepest first, the texts of its fields go,
// and its own text says where they stand, if that is shorter. `schema` is that of the kind, with `spec` among its
// fields.
void Shorten(yaml::Node& schema, size_t excess);

}  // namespace k8sgw::crds
