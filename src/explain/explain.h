// Which listener, filter chain, virtual host, route, cluster and endpoint answer a request, from which objects, and why
// the near misses lost: by reading the very resources that Envoy would be sent.
#pragma once

#include <functional>
#include <string>

#include "src/explain/request.h"
#include "src/pipeline/pipeline.h"

namespace k8sgw::explain {

// Where an object's field stands, such as "petstore.yaml:12"; "" when that is not known.
using Locate = std::function<std::string(const proxy::Source&)>;

// The answer in words, one fact a line.
std::string Explain(const Pipeline& pipeline, const Request& request, const Locate& locate);

}  // namespace k8sgw::explain
