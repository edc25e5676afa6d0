// The last word: the real Envoy, in validate mode.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "src/pipeline/pipeline.h"

namespace k8sgw::validation {

// Gives everything that the pipelines' proxies would be sent to the Envoy at this path. "" when it accepts all, else
// its words.
std::string AskEnvoy(const std::vector<const Pipeline*>& pipelines, const std::string& envoy);
inline std::string AskEnvoy(const Pipeline& pipeline, const std::string& envoy) { return AskEnvoy({&pipeline}, envoy); }

}  // namespace k8sgw::validation
