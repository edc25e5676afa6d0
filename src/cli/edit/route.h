// `k8sgateway add route`: a route of a few words, put into a VirtualService or a RouteTable.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"

namespace k8sgw::cli {

struct ObjectName {
  std::string ns;
  std::string name;
};

struct RouteRequest {
  // One of these; none is the prefix /.
  std::string path_exact;
  std::string path_prefix;
  std::string path_regex;
  std::vector<std::string> methods;
  // NAME or NAME=VALUE.
  std::vector<std::string> headers;
  std::vector<std::string> query_parameters;
  // Exactly one of these has a name.
  ObjectName upstream;
  ObjectName upstream_group;
  ObjectName delegate;
  std::string prefix_rewrite;
};

// Errors say which flags do not go together.
absl::StatusOr<yaml::Node> MakeRoute(const RouteRequest& request);

// Puts it before the one that has this place now; behind the last one when there are fewer. `routes` is the path of
// keys to the list, which is made when it is missing.
void InsertRoute(yaml::Node& object, const std::vector<std::string>& routes, yaml::Node route, size_t index);

}  // namespace k8sgw::cli
