// Where clients reach a proxy from outside the cluster.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"

namespace k8sgw::cli {

struct ProxyAddress {
  std::string host;
  std::string port;
  // What may surprise, for stderr; may be empty.
  std::string note;

  // "203.0.113.7:80"; IPv6 addresses in brackets.
  std::string HostAndPort() const;
};

// Of the Services that are labelled for a proxy, the one that clients use: one with this port, that of the proxy's name
// before others; nullptr where there is none at all.
const yaml::Node* ServiceOf(const std::vector<yaml::Node>& labelled, const std::string& proxy, const std::string& port);

// Of a proxy's Service, by the name of one of its ports: the address of the load balancer; else a port of a node, one
// with a pod of the proxy when there is one; else the address that is good within the cluster. Errors name what is
// missing, and the ports that there are.
absl::StatusOr<ProxyAddress> AddressOf(const yaml::Node& service, const std::vector<yaml::Node>& nodes,
                                       const std::vector<yaml::Node>& pods, const std::string& port);

// "https" for ports of that name, or with the number 443.
std::string SchemeOf(const yaml::Node& service, const std::string& port);

}  // namespace k8sgw::cli
