// check: what is wrong with an installation.

#include <iostream>

#include "src/cli/check/check.h"
#include "src/cmd/user_commands.h"

namespace k8sgw {
namespace {

constexpr char kHelp[] = R"(
  k8sgateway check
  k8sgateway check -o json
  k8sgateway check -x pods,xds-metrics          # without these; each is named in the output

It looks at deployments, pods, all custom resources and what they refer to, Secrets, the webhook and the proxies, and
says for each problem what to do.
Exit codes: 0 when no errors were found, 1 when there are some or the cluster does not answer, 2 for wrong usage.)";

struct Flags {
  ClusterFlags cluster;
  std::vector<std::string> excluded;
  std::string output = "table";
  bool read_only = false;
};

std::string CheckName(const std::string& name) {
  if (!cli::FindSection(name).empty()) return "";
  std::string known;
  for (const std::string_view section : cli::kSections) known += (known.empty() ? "" : ", ") + std::string(section);
  return "there is no check \"" + name + "\"; the checks are " + known;
}

int RunCheck(const Flags& flags) {
  const std::unique_ptr<cli::Session> session = OpenSession(flags.cluster, "check");
  if (!session) return 1;
  cli::CheckOptions options;
  options.ns = flags.cluster.ns;
  options.output = flags.output;
  options.read_only = flags.read_only;
  for (const std::string& name : flags.excluded) options.excluded.emplace(cli::FindSection(name));
  return cli::Check(*session, options, std::cout, std::cerr);
}

}  // namespace

void AddCheck(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* check = app.add_subcommand("check", "Find what is wrong with an installation, and say what to do");
  AddClusterFlags(*check, flags->cluster, "The namespace of the installation");
  AddOutput(*check, flags->output, {"table", "json"});
  check->add_option("-x,--exclude", flags->excluded, "Do not look at this; may stand more than once")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CheckName);
  check->add_flag("--read-only", flags->read_only, "Connect to no pod: leaves xds-metrics out");
  check->footer(kHelp);
  check->callback([flags, &exit_code] { exit_code = RunCheck(*flags); });
}

}  // namespace k8sgw
