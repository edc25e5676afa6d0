// Why an object is not served at all: a warning for its owner, who would otherwise see nothing.
#pragma once

#include "src/flow/collection.h"
#include "src/gateway/places.h"
#include "src/gateway/selection.h"
#include "src/gateway/settings.h"

namespace k8sgw::gateway {

// The object's namespace is not watched.
Problem ExplainUnwatched(const ResourceKey& object);

// A VirtualService that no listener takes.
Problem ExplainUnselected(const Object<gatewayv1::VirtualService>& service, const GatewaySettings& settings,
                          const flow::Collection<proxy::ListenerKey, Selection>& listeners);

}  // namespace k8sgw::gateway
