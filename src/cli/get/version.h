// `k8sgateway version`: of this program, and of what runs in the cluster.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "src/base/yaml.h"
#include "src/cli/cluster/session.h"

namespace k8sgw::cli {

// An image reference in parts: "quay.io/solo-io/gloo:1.0" has the registry quay.io/solo-io, the name gloo and the tag
// 1.0; of one with a digest, that is the tag.
struct Image {
  std::string registry;
  std::string name;
  std::string tag;

  bool operator==(const Image&) const = default;
};
Image ParseImage(const std::string& text);

// The published form: client, and a server for each namespace; `deployments` are those of installations.
yaml::Node VersionTree(const std::string& client, const std::vector<yaml::Node>& deployments);
// The same as text.
std::string RenderVersion(const std::string& client, const std::vector<yaml::Node>& deployments);

// Prints it as table, yaml or json. `session` may be nullptr; what cannot be asked is said on `err`, and is no failure:
// always 0.
int Version(Session* session, const std::string& client, const std::string& ns, const std::string& output,
            std::ostream& out, std::ostream& err);

}  // namespace k8sgw::cli
