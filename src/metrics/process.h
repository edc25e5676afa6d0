// What the kernel says of this process.
#pragma once

#include "src/metrics/registry.h"

namespace k8sgw::metrics {

// Sets the process_ families. What cannot be read is left as it was.
void SetProcess(Registry& registry);

}  // namespace k8sgw::metrics
