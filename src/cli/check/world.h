// All that a control plane would look at, read once, and what its translation finds wrong.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"
#include "src/model/report.h"
#include "src/sources/kube/caller.h"

namespace k8sgw::cli {

struct World {
  // Custom resources that get a status, Settings, and Secrets, in the namespaces that count.
  std::vector<yaml::Node> objects;
  // Of the translation of all objects, and of objects that cannot be decoded.
  Problems problems;
  // What the objects make, as Proxy messages.
  std::vector<yaml::Node> proxies;
  // Kinds that we may not read, and why: without them, `problems` says nothing.
  std::vector<std::pair<std::string, std::string>> forbidden;
  // Of our kinds, those that the API server does not know.
  std::vector<std::string> missing;
};

// `ns` is where Settings stand. Errors: not everything has come within `limit`.
absl::StatusOr<World> ReadWorld(kube::Caller& caller, const std::string& ns, std::chrono::seconds limit);

}  // namespace k8sgw::cli
