#include "src/cmd/user_commands.h"

#include <iostream>

namespace k8sgw {

void AddUserCommands(CLI::App& app, const std::string& version, int& exit_code) {
  AddInstall(app, exit_code);
  AddUninstall(app, exit_code);
  AddGet(app, exit_code);
  AddCheck(app, exit_code);
  AddEditCommands(app, exit_code);
  AddProxyCommands(app, exit_code);
  AddVersion(app, version, exit_code);
}

void AddClusterFlags(CLI::App& command, ClusterFlags& flags, const std::string& help) {
  command
      .add_option("--kubeconfig", flags.kubeconfig,
                  "How to reach the cluster [KUBECONFIG, else the pod's service account, else ~/.kube/config]")
      ->envname("K8SGATEWAY_KUBECONFIG");
  command.add_option("--kube-context,--context", flags.context, "Which context of the kubeconfig [the current one]")
      ->envname("K8SGATEWAY_CONTEXT");
  command.add_option("-n,--namespace", flags.ns, help)->envname("K8SGATEWAY_NAMESPACE")->capture_default_str();
}

void AddOutput(CLI::App& command, std::string& output, const std::vector<std::string>& formats) {
  command.add_option("-o,--output", output, "How to print it")->check(CLI::IsMember(formats))->capture_default_str();
}

std::unique_ptr<cli::Session> OpenSession(const ClusterFlags& flags, const std::string& command) {
  absl::StatusOr<std::unique_ptr<cli::Session>> session = cli::Session::Open({flags.kubeconfig, flags.context});
  if (session.ok()) return *std::move(session);
  std::cerr << command << ": " << std::string(session.status().message())
            << "\ngive --kubeconfig FILE for a cluster, or set KUBECONFIG\n";
  return nullptr;
}

}  // namespace k8sgw
