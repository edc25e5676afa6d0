// What the control plane itself says, over gRPC through a tunnel to its pod.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"
#include "src/cli/cluster/session.h"

namespace k8sgw::cli {

// The Proxies of all namespaces that the control plane in `ns` has made, as Kubernetes objects. Errors: there is no pod
// of it, it cannot be reached, or it does not serve this (port 9966).
absl::StatusOr<std::vector<yaml::Node>> LiveProxies(Session& session, const std::string& ns);

// A Proxy message as a Kubernetes object.
yaml::Node ProxyObject(yaml::Node message);

// What the Envoys of a role get over xDS: clusters, endpoints, listeners and routes, by their sections. Private keys
// are not in it. A control plane that serves only proxies that prove who they are is asked for its snapshot instead
// (port 9095), in which no secret of any kind is.
absl::StatusOr<yaml::Node> ServedConfig(Session& session, const std::string& ns, const std::string& role);

// Prints that as YAML under a line with the role; returns the exit code.
int PrintServedConfig(Session& session, const std::string& ns, const std::string& name, std::ostream& out,
                      std::ostream& err);

// --- for these, and for tests

// All texts at fields of this name, wherever they stand, without repetitions.
std::vector<std::string> CollectTexts(const yaml::Node& node, std::string_view key);
// Of the page /snapshots/xds (docs/admin.md): what it has for a role, by the same sections as ServedConfig. Errors: it
// has nothing for it.
absl::StatusOr<yaml::Node> SectionsOf(const yaml::Node& page, const std::string& role);
// In the place of private keys stands "[redacted]".
void Redact(yaml::Node& node);

}  // namespace k8sgw::cli
