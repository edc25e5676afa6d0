// install and uninstall: the chart of this program, by helm.

#include <iostream>

#include "src/cli/install/install.h"
#include "src/cmd/flags.h"
#include "src/cmd/user_commands.h"

namespace k8sgw {
namespace {

constexpr char kInstallHelp[] = R"(
  k8sgateway install
  k8sgateway install --values my.yaml --set gatewayProxies.gatewayProxy.service.type=NodePort
  k8sgateway install --dry-run > rendered.yaml

The chart is in this program, so its version is that of this program; `helm` does the work, as `helm upgrade --install`.
Definitions of our kinds are brought to this version first, which helm alone never does. Run it again to upgrade.
Exit codes: 0 when everything runs, 1 otherwise, 2 for wrong usage.)";

constexpr char kUninstallHelp[] = R"(
  k8sgateway uninstall
  k8sgateway uninstall --all      # with the definitions, all objects of our kinds in all namespaces, and the namespace

Exit codes: 0, 1 when something could not be removed, 2 for wrong usage.)";

struct InstallFlags {
  ClusterFlags cluster;
  std::string what = "gateway";
  cli::InstallOptions options;
  int64_t seconds = 300;
  bool no_wait = false;
};

struct UninstallFlags {
  ClusterFlags cluster;
  cli::UninstallOptions options;
  bool all = false;
};

absl::StatusOr<std::unique_ptr<cli::Session>> Open(const ClusterFlags& cluster) {
  return cli::Session::Open({cluster.kubeconfig, cluster.context});
}

void AddHelm(CLI::App& command, cli::HelmChoice& helm) {
  command.add_option("--release-name", helm.release, "The name of helm's release")->capture_default_str();
  command.add_option("--helm", helm.program, "The helm program [in PATH]")->envname("K8SGATEWAY_HELM");
}

void Place(cli::HelmChoice& helm, const ClusterFlags& cluster) {
  helm.ns = cluster.ns;
  helm.kubeconfig = cluster.kubeconfig;
  helm.context = cluster.context;
}

}  // namespace

void AddInstall(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<InstallFlags>();
  CLI::App* install = app.add_subcommand("install", "Install, or upgrade, in a cluster");
  cli::InstallOptions& options = flags->options;
  install->add_option("WHAT", flags->what, "gateway is all that there is")->check(CLI::IsMember({"gateway"}));
  AddClusterFlags(*install, flags->cluster, "Where to");
  install->add_option("--values,-f", options.values, "A file of Helm values; may stand more than once")
      ->delimiter(',')
      ->allow_extra_args(false);
  install->add_option("--set", options.set, "KEY=VALUE: one Helm value; may stand more than once")
      ->allow_extra_args(false);
  install->add_option("--set-string", options.set_string, "The same, as text")->allow_extra_args(false);
  install->add_option("--chart,--file", options.chart, "Another chart than that of this program");
  install->add_flag("--create-namespace,!--no-create-namespace", options.create_namespace, "Make the namespace [yes]");
  install->add_flag("-d,--dry-run", options.dry_run, "Print what would be installed; needs no cluster");
  AddDuration(*install, "--timeout", flags->seconds, "5m", "Wait so long for everything to run");
  install->add_flag("--no-wait", flags->no_wait, "Do not wait");
  AddHelm(*install, options.helm);
  install->footer(kInstallHelp);
  install->callback([flags, &exit_code] {
    Place(flags->options.helm, flags->cluster);
    flags->options.wait = std::chrono::seconds(flags->no_wait ? 0 : flags->seconds);
    exit_code = cli::Install([flags] { return Open(flags->cluster); }, flags->options, std::cout, std::cerr);
  });
}

void AddUninstall(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<UninstallFlags>();
  CLI::App* uninstall = app.add_subcommand("uninstall", "Remove an installation from a cluster");
  AddClusterFlags(*uninstall, flags->cluster, "Where it is");
  uninstall->add_flag("--delete-crds", flags->options.delete_crds,
                      "Also the definitions, and with them all objects of our kinds");
  uninstall->add_flag("--delete-namespace", flags->options.delete_namespace, "Also the namespace");
  uninstall->add_flag("--all", flags->all, "Both of these");
  AddHelm(*uninstall, flags->options.helm);
  uninstall->footer(kUninstallHelp);
  uninstall->callback([flags, &exit_code] {
    cli::UninstallOptions& options = flags->options;
    options.delete_crds |= flags->all;
    options.delete_namespace |= flags->all;
    Place(options.helm, flags->cluster);
    exit_code = cli::Uninstall([flags] { return Open(flags->cluster); }, options, std::cout, std::cerr);
  });
}

}  // namespace k8sgw
