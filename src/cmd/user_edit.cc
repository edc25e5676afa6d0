// add route, create and delete: what a user changes in a cluster.

#include <fstream>
#include <iostream>
#include <iterator>

#include "src/cli/edit/edit.h"
#include "src/cli/edit/make.h"
#include "src/cmd/user_commands.h"

namespace k8sgw {
namespace {

using cli::ObjectName;

constexpr char kRouteHelp[] = R"(
  k8sgateway add route --path-prefix /api --dest-name petstore --dest-namespace default
  k8sgateway add route --name shop --path-exact / --method GET --dest-name web --index 1
  k8sgateway add route --to-route-table --name team-a --path-prefix /a --dest-name a
  k8sgateway add route --path-prefix /a --delegate-name team-a --dry-run

A VirtualService or RouteTable that is missing is made. Routes are asked in their order, so a new one comes first unless
--index says otherwise.)";

// --- add route

struct RouteFlags {
  ClusterFlags cluster;
  cli::AddRouteOptions options;
};

void AddRouteFlags(CLI::App& command, RouteFlags& flags) {
  cli::RouteRequest& route = flags.options.route;
  command.add_option("--name", flags.options.to.name, "The VirtualService, or the RouteTable")->capture_default_str();
  command.add_flag("--to-route-table", flags.options.to_route_table, "To a RouteTable");
  command.add_option("-d,--domains", flags.options.domains, "Domains of a VirtualService that is made [*]")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_option("-e,--path-exact", route.path_exact, "This path alone");
  command.add_option("-p,--path-prefix", route.path_prefix, "Paths that begin so [/]");
  command.add_option("-r,--path-regex", route.path_regex, "Paths that match this regular expression (RE2)");
  command.add_option("-m,--method", route.methods, "Methods, such as GET,POST")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_option("--header", route.headers, "NAME or NAME=VALUE; may stand more than once")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_option("-q,--queryParameter", route.query_parameters, "The same for parameters")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_option("-u,--dest-name", route.upstream.name, "The Upstream that answers");
  command.add_option("-s,--dest-namespace", route.upstream.ns, "Its namespace [that of -n]");
  command.add_option("--upstream-group-name", route.upstream_group.name, "The UpstreamGroup that answers");
  command.add_option("--upstream-group-namespace", route.upstream_group.ns, "Its namespace [that of -n]");
  command.add_option("--delegate-name", route.delegate.name, "The RouteTable that goes on");
  command.add_option("--delegate-namespace", route.delegate.ns, "Its namespace [that of -n]");
  command.add_option("--prefix-rewrite", route.prefix_rewrite, "What the Upstream sees for the matched prefix");
  command.add_option("-x,--index", flags.options.index, "Its place among the routes")->capture_default_str();
  command.add_flag("--dry-run", flags.options.dry_run, "Print what would be written, and write nothing");
}

int RunAddRoute(RouteFlags& flags) {
  const std::unique_ptr<cli::Session> session = OpenSession(flags.cluster, "add route");
  if (!session) return 1;
  cli::AddRouteOptions& options = flags.options;
  options.to.ns = flags.cluster.ns;
  for (ObjectName* name : {&options.route.upstream, &options.route.upstream_group, &options.route.delegate}) {
    if (name->ns.empty()) name->ns = flags.cluster.ns;
  }
  return cli::AddRoute(*session, options, std::cout, std::cerr);
}

// --- create

struct CreateFlags {
  ClusterFlags cluster;
  ObjectName name;
  bool dry_run = false;
  // Of each kind, some.
  std::vector<std::string> hosts;
  bool tls = false;
  cli::ServicePort service;
  std::vector<std::string> domains;
  std::string display_name;
  std::vector<std::string> weighted;
  std::string chain;
  std::string key;
  std::string authorities;
};

using Make = std::function<absl::StatusOr<yaml::Node>(const CreateFlags& flags)>;

int RunCreate(CreateFlags& flags, const kube::Resource& of, const Make& make) {
  flags.name.ns = flags.cluster.ns;
  const absl::StatusOr<yaml::Node> object = make(flags);
  if (!object.ok()) {
    std::cerr << "create: " << std::string(object.status().message()) << "\n";
    return 1;
  }
  if (flags.dry_run) {
    std::cout << yaml::Emit(*object);
    return 0;
  }
  const std::unique_ptr<cli::Session> session = OpenSession(flags.cluster, "create");
  if (!session) return 1;
  kube::Resource resource = of;
  resource.namespace_ = flags.cluster.ns;
  return cli::CreateObject(*session, resource, *object, std::cout, std::cerr);
}

std::pair<CLI::App*, std::shared_ptr<CreateFlags>> AddCreated(CLI::App& to, const std::string& name,
                                                              const std::string& help, const std::string& example,
                                                              const kube::Resource& of, const Make& make,
                                                              int& exit_code) {
  auto flags = std::make_shared<CreateFlags>();
  CLI::App* command = to.add_subcommand(name, help);
  command->add_option("NAME,--name", flags->name.name, "Its name")->required();
  AddClusterFlags(*command, flags->cluster, "Its namespace");
  command->add_flag("--dry-run", flags->dry_run, "Print it, and ask no cluster");
  command->footer("\n" + example);
  command->callback([flags, of, make, &exit_code] { exit_code = RunCreate(*flags, of, make); });
  return {command, flags};
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError("the file " + path + " cannot be read");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::StatusOr<yaml::Node> MakeSecret(const CreateFlags& flags) {
  std::string texts[3];
  const std::string* const paths[] = {&flags.chain, &flags.key, &flags.authorities};
  for (int i = 0; i < 3; ++i) {
    if (paths[i]->empty()) continue;
    absl::StatusOr<std::string> text = ReadFile(*paths[i]);
    if (!text.ok()) return text.status();
    texts[i] = *std::move(text);
  }
  return cli::MakeTlsSecret(flags.name, texts[0], texts[1], texts[2]);
}

void AddUpstreams(CLI::App& create, int& exit_code) {
  CLI::App* upstream = create.add_subcommand("upstream", "An Upstream");
  upstream->require_subcommand(1);
  const kube::Resource upstreams = cli::ResourceOf(*cli::KindCalled("upstream"), "");
  const auto [fixed, hosts] = AddCreated(
      *upstream, "static", "Of addresses", "  k8sgateway create upstream static web --static-hosts web.test:443 --tls",
      upstreams, [](const CreateFlags& f) { return cli::MakeStaticUpstream(f.name, f.hosts, f.tls); }, exit_code);
  fixed->add_option("--static-hosts", hosts->hosts, "HOST:PORT, or HOST for port 80")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->required();
  fixed->add_flag("--tls,--static-outbound-tls", hosts->tls, "They speak TLS");
  const auto [of_service, service] = AddCreated(
      *upstream, "kube", "Of a Service",
      "  k8sgateway create upstream kube web --kube-service web --kube-service-namespace shop --kube-service-port 80",
      upstreams,
      [](const CreateFlags& f) {
        cli::ServicePort port = f.service;
        if (port.ns.empty()) port.ns = "default";
        return cli::MakeKubeUpstream(f.name, port);
      },
      exit_code);
  of_service->add_option("--kube-service", service->service.service, "The Service")->required();
  of_service->add_option("--kube-service-namespace", service->service.ns, "Its namespace [default]");
  of_service->add_option("--kube-service-port", service->service.port, "Its port")
      ->required()
      ->check(CLI::Range(1, 65535));
  of_service->add_option("--kube-service-labels", service->service.labels, "KEY=VALUE: only pods with these labels")
      ->delimiter(',')
      ->allow_extra_args(false);
}

void AddCreate(CLI::App& app, int& exit_code) {
  CLI::App* create = app.add_subcommand("create", "Make an object");
  create->require_subcommand(1);
  AddUpstreams(*create, exit_code);
  const auto [group, weights] = AddCreated(
      *create, "upstreamgroup", "An UpstreamGroup",
      "  k8sgateway create upstreamgroup split --weighted-upstreams default.old=9,default.new=1",
      cli::ResourceOf(*cli::KindCalled("upstreamgroup"), ""),
      [](const CreateFlags& f) { return cli::MakeUpstreamGroup(f.name, f.weighted); }, exit_code);
  group->add_option("--weighted-upstreams", weights->weighted, "NAMESPACE.NAME=WEIGHT")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->required();
  const auto [host, domains] = AddCreated(
      *create, "virtualservice", "A VirtualService without routes",
      "  k8sgateway create virtualservice shop --domains shop.test",
      cli::ResourceOf(*cli::KindCalled("virtualservice"), ""),
      [](const CreateFlags& f) -> absl::StatusOr<yaml::Node> {
        return cli::MakeVirtualService(f.name, f.domains, f.display_name);
      },
      exit_code);
  host->add_option("--domains", domains->domains, "The hosts that it is for [*]")
      ->delimiter(',')
      ->allow_extra_args(false);
  host->add_option("--display-name", domains->display_name, "What people call it");
  CLI::App* secret = create->add_subcommand("secret", "A Secret");
  secret->require_subcommand(1);
  const auto [tls, files] = AddCreated(*secret, "tls", "A certificate with its key, and maybe trusted authorities",
                                       "  k8sgateway create secret tls shop --certchain shop.crt --privatekey shop.key",
                                       {"", "v1", "secrets", ""}, MakeSecret, exit_code);
  tls->add_option("--certchain", files->chain, "File: the certificate, and those that signed it")->required();
  tls->add_option("--privatekey", files->key, "File: its private key")->required();
  tls->add_option("--rootca", files->authorities, "File: authorities to trust");
}

// --- delete

struct DeleteFlags {
  ClusterFlags cluster;
  std::string kind;
  std::string name;
};

void AddDelete(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<DeleteFlags>();
  CLI::App* command = app.add_subcommand("delete", "Remove an object");
  command->add_option("KIND", flags->kind, "Such as virtualservice")->required()->check([](const std::string& kind) {
    return cli::KindCalled(kind) ? std::string() : "\"" + kind + "\" is no kind: such are virtualservice and upstream";
  });
  command->add_option("NAME,--name", flags->name, "Its name")->required();
  AddClusterFlags(*command, flags->cluster, "Its namespace");
  command->footer("\n  k8sgateway delete virtualservice shop -n default");
  command->callback([flags, &exit_code] {
    const std::unique_ptr<cli::Session> session = OpenSession(flags->cluster, "delete");
    exit_code = session ? cli::DeleteObject(*session, *cli::KindCalled(flags->kind), {flags->cluster.ns, flags->name},
                                            std::cout, std::cerr)
                        : 1;
  });
}

}  // namespace

void AddEditCommands(CLI::App& app, int& exit_code) {
  CLI::App* add = app.add_subcommand("add", "Add to an object");
  add->require_subcommand(1);
  auto flags = std::make_shared<RouteFlags>();
  flags->options.to.name = "default";
  CLI::App* route = add->add_subcommand("route", "Add a route to a VirtualService or RouteTable");
  AddClusterFlags(*route, flags->cluster, "The namespace of it");
  AddRouteFlags(*route, *flags);
  route->footer(kRouteHelp);
  route->callback([flags, &exit_code] { exit_code = RunAddRoute(*flags); });
  AddCreate(app, exit_code);
  AddDelete(app, exit_code);
}

}  // namespace k8sgw
