// The names that users see in Envoy's admin pages, statistics and logs. They are part of the published behaviour:
// dashboards and alerts are built on them.
#pragma once

#include <string>
#include <string_view>

#include "src/proxy/proxy.h"

namespace k8sgw::envoy {

// `<name>_<namespace>`; the name first.
std::string ClusterName(const UpstreamRef& upstream);
// `<listener>-routes`, or `<listener>-routes-<chain>` for one of several filter chains.
std::string RouteConfigName(std::string_view listener, std::string_view chain);
// Dots are not allowed in the names of virtual hosts and virtual clusters, as they end up in statistics.
std::string SanitizeStatName(std::string_view name);
// The object that an Envoy route came from, by its name `<virtual host>-route-<index>…`; nullptr when it is none of the
// virtual host's.
const proxy::Source* RouteSource(const proxy::VirtualHost& host, std::string_view route_name);
// The key by which Envoys ask for their configuration: `<namespace>~<proxy>`.
std::string Role(const ProxyRef& proxy);
// The SDS names of a Secret's certificate and of its certificate authority.
std::string CertificateSecretName(const SecretRef& secret);
std::string AuthoritySecretName(const SecretRef& secret);

// Where invalid routes are sent, with Settings.gloo.invalidConfigPolicy.replaceInvalidRoutes.
inline constexpr char kFallbackCluster[] = "fallback_cluster_for_invalid_routes";
inline constexpr char kFallbackListener[] = "fallback_listener_for_invalid_routes";
// The role of Envoys that say none, or one that nobody has configured.
inline constexpr char kFallbackRole[] = "fallback";

}  // namespace k8sgw::envoy
