// Changes of request headers that happen before anything else looks at them: before routing and all filters.
#pragma once

#include "src/envoy/plugin.h"

namespace headers::options::gloo::solo::io {
class EarlyHeaderManipulation;
}

namespace k8sgw::plugins::hcm {

void TranslateEarlyHeaders(const envoy::Context& context,
                           const ::headers::options::gloo::solo::io::EarlyHeaderManipulation& in,
                           envoy::Reporter report, envoy::hcmv3::HttpConnectionManager& out);

}  // namespace k8sgw::plugins::hcm
