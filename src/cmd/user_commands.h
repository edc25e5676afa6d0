// The commands for the users of a cluster: what they see, and what they change. src/cli does the work.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/cli/cluster/session.h"

namespace k8sgw {

// All of them; each leaves its exit code. `version` is that of this program.
void AddUserCommands(CLI::App& app, const std::string& version, int& exit_code);

// The single ones.
void AddGet(CLI::App& app, int& exit_code);
void AddVersion(CLI::App& app, const std::string& version, int& exit_code);
void AddCheck(CLI::App& app, int& exit_code);
void AddInstall(CLI::App& app, int& exit_code);
void AddUninstall(CLI::App& app, int& exit_code);
// add route, create and delete.
void AddEditCommands(CLI::App& app, int& exit_code);
// Below `proxy`, which may be there already as a component.
void AddProxyCommands(CLI::App& app, int& exit_code);

struct ClusterFlags {
  std::string kubeconfig;
  std::string context;
  std::string ns = "gloo-system";
};

// --kubeconfig, --kube-context and -n; what `help` says of the latter.
void AddClusterFlags(CLI::App& command, ClusterFlags& flags, const std::string& help);
void AddOutput(CLI::App& command, std::string& output, const std::vector<std::string>& formats);

// nullptr when there is no configuration of a cluster, which is said on stderr.
std::unique_ptr<cli::Session> OpenSession(const ClusterFlags& flags, const std::string& command);

}  // namespace k8sgw
