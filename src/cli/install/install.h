// `k8sgateway install` and `uninstall`: the chart that is in this program, by helm.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/cli/cluster/session.h"

namespace k8sgw::cli {

struct HelmChoice {
  std::string program = "helm";
  std::string release = "gloo";
  std::string ns = "gloo-system";
  // Handed on; "" leaves the choice to helm, which takes what we take.
  std::string kubeconfig;
  std::string context;
};

struct InstallOptions {
  HelmChoice helm;
  // A chart in the place of ours: a file, a folder or a URL.
  std::string chart;
  std::vector<std::string> values;
  std::vector<std::string> set;
  std::vector<std::string> set_string;
  bool create_namespace = true;
  // Prints what would be installed, and asks no cluster.
  bool dry_run = false;
  // So long for everything to run; 0 does not wait.
  std::chrono::seconds wait{300};
};

// The arguments of helm for these.
std::vector<std::string> InstallArguments(const InstallOptions& options, const std::string& chart);

// Makes the session. Errors: no configuration, or none that we understand.
using OpenCluster = std::function<absl::StatusOr<std::unique_ptr<Session>>()>;

// Definitions first, in the version of this program, as helm would never change them; then the release; then it waits
// until all of it runs, and says what does not. Returns the exit code.
int Install(const OpenCluster& open, const InstallOptions& options, std::ostream& out, std::ostream& err);

struct UninstallOptions {
  HelmChoice helm;
  // With them go all objects of our kinds, in all namespaces.
  bool delete_crds = false;
  bool delete_namespace = false;
};

// The release, and what else the options name; says which discovered Upstreams are left. Returns the exit code.
int Uninstall(const OpenCluster& open, const UninstallOptions& options, std::ostream& out, std::ostream& err);

// Namespaces in which discovery writes by these Settings, of an installation in `ns`; null when there are none.
std::set<std::string> PlacesOfDiscovered(const yaml::Node& settings, const std::string& ns);
// What is said of so many Upstreams in each namespace, "" when there are none; and when nobody can tell.
std::string DiscoveredLeft(const std::map<std::string, size_t>& counts);
std::string NotLookedFor(const absl::Status& reason);

}  // namespace k8sgw::cli
