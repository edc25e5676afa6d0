// What Envoy does to a request's path and host before it looks for a route.
#pragma once

#include <string>

namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpConnectionManager;
}

namespace k8sgw::explain {

struct NormalizedPath {
  std::string path;
  // When the request is answered at once, the answer: "400, because …".
  std::string answer;
};

NormalizedPath NormalizePath(
    const std::string& path,
    const ::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager& hcm);

// The host without its port.
std::string StripPort(const std::string& host);

}  // namespace k8sgw::explain
