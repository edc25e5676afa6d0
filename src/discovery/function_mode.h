// Where functions (those of a swagger file, of gRPC reflection) would be looked for: the switches of Settings and the
// labels, as published. Nothing looks for them yet.
#pragma once

#include "src/model/objects.h"

namespace k8sgw::discovery {

enum class FunctionMode { kDenied, kAllowed, kOff };

// kDenied: everywhere but where labels deny it (BLACKLIST, the default); kAllowed: only where labels allow it
// (WHITELIST).
FunctionMode ReadFunctionMode(const gloov1::Settings& settings);

// Whether the label discovery.solo.io/function_discovery of an Upstream (or of its Service) and of its namespace let
// its functions be looked for. `ns` is the namespace of what it stands for.
bool IsLookedAt(FunctionMode mode, const std::string& ns, const Labels& namespace_labels,
                const Labels& upstream_labels);

}  // namespace k8sgw::discovery
