#include <array>

#include "src/xds/engine.h"

namespace k8sgw::xds {
namespace {

constexpr std::array<std::string_view, kTypeCount> kUrls = {
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
    "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration",
    "type.googleapis.com/envoy.config.listener.v3.Listener",
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
};

constexpr std::array<std::string_view, kTypeCount> kWords = {"secrets", "clusters",  "endpoints",
                                                             "scopes",  "listeners", "routes"};

}  // namespace

std::string_view TypeWord(Type type) { return kWords[static_cast<size_t>(type)]; }

std::string_view TypeUrl(Type type) { return kUrls[static_cast<size_t>(type)]; }

std::optional<Type> TypeOfUrl(std::string_view url) {
  for (int i = 0; i < kTypeCount; ++i) {
    if (kUrls[static_cast<size_t>(i)] == url) return static_cast<Type>(i);
  }
  return std::nullopt;
}

}  // namespace k8sgw::xds
