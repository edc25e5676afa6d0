// The real Envoy in validate mode, as a function.
#pragma once

#include <string>

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}

namespace k8sgw::validation {

// "" when the Envoy at the path `envoy` accepts the configuration, else its words on one line, or why it could not be
// asked. No file is written.
std::string AskEnvoyAbout(const ::envoy::config::bootstrap::v3::Bootstrap& bootstrap, const std::string& envoy);

}  // namespace k8sgw::validation
