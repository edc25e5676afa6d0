// The part of httpConnectionManagerSettings about the HTTP versions that clients speak.
#pragma once

#include "src/envoy/plugin.h"

namespace hcm::options::gloo::solo::io {
class HttpConnectionManagerSettings;
}

namespace k8sgw::plugins::hcm {

void TranslateProtocols(const ::hcm::options::gloo::solo::io::HttpConnectionManagerSettings& in,
                        envoy::Reporter& report, envoy::hcmv3::HttpConnectionManager& out);

}  // namespace k8sgw::plugins::hcm
