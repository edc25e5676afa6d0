// The objects that are measured in a cluster, and how to write them.
#pragma once

#include <string>
#include <vector>

#include "src/sources/kube/writer.h"

namespace k8sgw::bench {

inline constexpr char kSystemNamespace[] = "gloo-system";
// Objects are spread over so many namespaces, bench-0 and so on.
inline constexpr int kNamespaces = 50;

std::string NamespaceOf(int i);
kube::Resource Namespaces();
kube::Resource VirtualServices(const std::string& ns);
kube::Resource Upstreams(const std::string& ns);
kube::Resource RouteTables(const std::string& ns);
kube::Resource Services(const std::string& ns);
kube::Resource Slices(const std::string& ns);

// Host that VirtualService i answers: as in file mode, World::Host.
std::string HostOf(int i);
kube::WriteRequest CreateNamespace(const std::string& name);
// The webhook's certificate and key are files.
kube::WriteRequest CreateSettings(const std::string& certificate, const std::string& key);
// A Gateway on 127.0.0.1:`port` for the proxy gloo-system~gateway-proxy.
kube::WriteRequest CreateGateway(int port);
// VirtualService i routes to Upstream `upstream`; it adds `x-version: <version>` to its answers.
kube::WriteRequest CreateVirtualService(int i, int upstream, const std::string& version);
kube::WriteRequest PatchVirtualService(int i, const std::string& version);
// Leads to 127.0.0.1:`port`.
kube::WriteRequest CreateUpstream(int i, int port);
// The same content as a VirtualService, which leads nowhere.
kube::WriteRequest CreateRouteTable(int i);

// A Service without a selector, an Upstream for it and one slice of `endpoints` addresses.
std::vector<kube::WriteRequest> CreateWorkload(int i, int endpoints);
// The slice, with one address of its own for each `change`, which AddressOf tells.
kube::WriteRequest PatchWorkload(int i, int endpoints, int change);
std::string AddressOf(int change);

}  // namespace k8sgw::bench
