// Which objects Envoy refuses: found by asking it again about fewer and fewer parts of the configuration.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/pipeline/pipeline.h"
#include "src/validation/envoy_runner.h"
#include "src/validation/pieces.h"

namespace k8sgw::validation {

// What is refused of parts that are asked about in ranges.
struct Refused {
  // The parts [begin, end): one, or several that are only refused together.
  size_t begin = 0;
  size_t end = 0;
  std::string words;
};

// `ask(begin, end)` gives the words against these parts, or "". Asks about O(log count) ranges for each refused part.
std::vector<Refused> FindRefused(size_t count, const std::function<std::string(size_t begin, size_t end)>& ask);

// Asks the Envoy at this path about everything that the proxies are sent. Problems stand on the Upstream, the Gateway,
// the VirtualService or the route that Envoy does not take; what it refuses only as a whole is a problem without an
// object.
Problems AskAboutObjects(const Pipeline& pipeline, const std::string& envoy);

// The same about these pieces alone; empty when Envoy takes each of them. Errors: it could not be asked about all.
absl::StatusOr<Problems> FindRefusedObjects(const Pieces& pieces, const EnvoyCall& call);

}  // namespace k8sgw::validation
