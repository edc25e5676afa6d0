// Which servers are asked about a request before it goes on: of authorization, of rate limits.
#pragma once

#include <string>
#include <vector>

namespace envoy::config::route::v3 {
class Route;
class RouteConfiguration;
class VirtualHost;
}  // namespace envoy::config::route::v3
namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpConnectionManager;
}

namespace k8sgw::explain {

// One fact a line, in the order in which they are asked; none when the listener asks nobody.
std::vector<std::string> AskedServers(
    const ::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager& hcm,
    const ::envoy::config::route::v3::RouteConfiguration& routes, const ::envoy::config::route::v3::VirtualHost& host,
    const ::envoy::config::route::v3::Route& route);

}  // namespace k8sgw::explain
