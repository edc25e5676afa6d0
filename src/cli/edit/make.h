// `k8sgateway create`: objects out of flags.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"
#include "src/cli/edit/route.h"

namespace k8sgw::cli {

// Of HOST:PORT each, or HOST with port 80; IPv6 addresses stand in brackets.
absl::StatusOr<yaml::Node> MakeStaticUpstream(const ObjectName& name, const std::vector<std::string>& hosts, bool tls);

struct ServicePort {
  std::string ns;
  std::string service;
  int port = 0;
  // KEY=VALUE: only pods with these labels.
  std::vector<std::string> labels;
};
absl::StatusOr<yaml::Node> MakeKubeUpstream(const ObjectName& name, const ServicePort& service);

yaml::Node MakeVirtualService(const ObjectName& name, const std::vector<std::string>& domains,
                              const std::string& display_name);

// Of NAMESPACE.NAME=WEIGHT each.
absl::StatusOr<yaml::Node> MakeUpstreamGroup(const ObjectName& name, const std::vector<std::string>& weighted);

// A Secret of type kubernetes.io/tls; `authorities` may be "". Errors: these are no certificates, or the key is not
// that of the first of them.
absl::StatusOr<yaml::Node> MakeTlsSecret(const ObjectName& name, const std::string& chain, const std::string& key,
                                         const std::string& authorities);

}  // namespace k8sgw::cli
