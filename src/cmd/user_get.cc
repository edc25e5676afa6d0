// get and version: what is in a cluster.

#include <iostream>
#include <utility>

#include "src/cli/check/world.h"
#include "src/cli/control/control.h"
#include "src/cli/get/get.h"
#include "src/cli/get/version.h"
#include "src/cmd/user_commands.h"

namespace k8sgw {
namespace {

constexpr char kGetHelp[] = R"(
  k8sgateway get virtualservice                 # all of them: domains, status and routes
  k8sgateway get upstream petstore -n default -o yaml
  k8sgateway get proxy                          # as the control plane has them now
  k8sgateway get vs -n shop -o kube-yaml | kubectl apply -f -

KIND is any of our kinds, by its name, its plural or its short name: virtualservice, upstream, upstreamgroup, routetable,
gateway, proxy, routeoption, settings and others. With a NAME, the namespace is gloo-system unless -n says another.
Exit codes: 0, 1 when it is not there or cannot be read, 2 for wrong usage.)";

struct GetFlags {
  ClusterFlags cluster;
  std::string kind;
  std::string name;
  std::string output = "table";
};

constexpr std::chrono::seconds kReadAll(60);

// Those of the control plane, which are stored only when Settings ask for it; when it cannot be asked, what it would
// make of the objects that there are.
absl::StatusOr<std::vector<yaml::Node>> FindProxies(cli::Session& session, const std::string& ns) {
  absl::StatusOr<std::vector<yaml::Node>> live = cli::LiveProxies(session, ns);
  // While the API server is away, nothing else comes from it either.
  if (live.ok() || !session.Get("/version").ok()) return live;
  absl::StatusOr<cli::World> world = cli::ReadWorld(session.caller(), ns, kReadAll);
  if (!world.ok() || !world->forbidden.empty()) return live.status();
  std::cerr << "note: the control plane cannot be asked (" << std::string(live.status().message())
            << "): this is what follows from the objects of the cluster\n";
  std::vector<yaml::Node> proxies;
  for (yaml::Node& proxy : world->proxies) proxies.push_back(cli::ProxyObject(std::move(proxy)));
  return proxies;
}

int RunGet(const GetFlags& flags, bool ns_given) {
  const std::unique_ptr<cli::Session> session = OpenSession(flags.cluster, "get");
  if (!session) return 1;
  cli::GetOptions options;
  options.kind = cli::KindCalled(flags.kind);
  options.name = flags.name;
  options.ns = ns_given || !flags.name.empty() ? flags.cluster.ns : "";
  options.output = flags.output;
  cli::MoreObjects proxies;
  if (options.kind->kind == "Proxy") proxies = [&] { return FindProxies(*session, flags.cluster.ns); };
  return cli::Get(*session, options, proxies, std::cout, std::cerr);
}

struct VersionFlags {
  ClusterFlags cluster;
  std::string output = "table";
};

int RunVersion(const VersionFlags& flags, const std::string& version) {
  // A version is known without any cluster.
  const auto session = cli::Session::Open({flags.cluster.kubeconfig, flags.cluster.context});
  if (!session.ok()) std::cerr << "version: no cluster: " << std::string(session.status().message()) << "\n";
  return cli::Version(session.ok() ? session->get() : nullptr, version, flags.cluster.ns, flags.output, std::cout,
                      std::cerr);
}

}  // namespace

void AddGet(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<GetFlags>();
  CLI::App* get = app.add_subcommand("get", "Show objects of a cluster, and whether they are accepted");
  get->add_option("KIND", flags->kind, "What to show, such as virtualservice")
      ->required()
      ->check([](const std::string& kind) {
        return cli::KindCalled(kind) ? std::string()
                                     : "\"" + kind + "\" is no kind: such are virtualservice, upstream and proxy";
      });
  get->add_option("NAME", flags->name, "Only this one");
  AddClusterFlags(*get, flags->cluster, "Where they stand [all namespaces; with a NAME, gloo-system]");
  AddOutput(*get, flags->output, {"table", "wide", "yaml", "json", "kube-yaml"});
  get->footer(kGetHelp);
  get->callback([get, flags, &exit_code] { exit_code = RunGet(*flags, get->count("--namespace") > 0); });
}

void AddVersion(CLI::App& app, const std::string& version, int& exit_code) {
  auto flags = std::make_shared<VersionFlags>();
  CLI::App* command = app.add_subcommand("version", "Say the version of this program, and of what runs in the cluster");
  AddClusterFlags(*command, flags->cluster, "The namespace of the installation");
  AddOutput(*command, flags->output, {"table", "yaml", "json"});
  command->footer("\n  k8sgateway version -o json\n\nA cluster that does not answer is no failure.");
  command->callback([flags, version, &exit_code] { exit_code = RunVersion(*flags, version); });
}

}  // namespace k8sgw
