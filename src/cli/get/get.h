// `k8sgateway get`: objects of a cluster, as tables or as texts that others read.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"
#include "src/cli/cluster/session.h"

namespace k8sgw::cli {

struct GetOptions {
  const CustomResource* kind = nullptr;
  // "" for all.
  std::string name;
  // "" for all namespaces.
  std::string ns;
  // table, wide, yaml, json or kube-yaml.
  std::string output = "table";
};

// Objects that stand nowhere at the API server, such as Proxies.
using MoreObjects = std::function<absl::StatusOr<std::vector<yaml::Node>>()>;

// Prints the objects; those of `more` count before stored ones of the same name. Returns the exit code: 1 when one that
// was named is not there, or something cannot be read. What goes wrong with `more` is only said, if there are others.
int Get(Session& session, const GetOptions& options, const MoreObjects& more, std::ostream& out, std::ostream& err);

// As the original prints them: the fields of the spec beside metadata and namespacedStatuses.
yaml::Node Flat(const yaml::Node& object);
// As kubectl would apply it: without what the server notes.
yaml::Node Applicable(const yaml::Node& object);

// All of them in one of the formats but tables.
std::string RenderText(const std::vector<yaml::Node>& objects, const std::string& output);

}  // namespace k8sgw::cli
