// k8sgateway: one binary, a subcommand per component.

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "src/base/address.h"
#include "src/cmd/commands.h"
#include "src/cmd/components.h"
#include "src/cmd/flags.h"
#include "src/cmd/gloo_admin.h"
#include "src/cmd/leadership.h"
#include "src/cmd/route_shards.h"
#include "src/cmd/user_commands.h"
#include "src/cmd/wasm_flags.h"
#include "src/xds_auth/service_account.h"
#include "src/xds_auth/token_review.h"

namespace k8sgw {
namespace {

constexpr int kUsage = 2;

constexpr char kRunHelp[] =
    R"(Files are read again when they change. A broken file keeps its last good objects and is reported with its line.
When the folder brings no Gateway, there are two: gateway-proxy (HTTP) and gateway-proxy-ssl (HTTPS).
The first Ctrl-C (or SIGTERM) lets requests in flight end, the second one does not.

  k8sgateway run --to localhost:9000        # no file at all: everything on port 8080 goes to a program of yours
  k8sgateway run ./config                   # http://127.0.0.1:8080
  k8sgateway run ./config --bind :: --http-port 80 --https-port 443

A folder to begin with is one file with an Upstream and a VirtualService: see examples/petstore.
Exit codes: 0 after a signal, 1 when it cannot serve (a port in use, no Envoy), 2 for wrong usage.)";

constexpr char kGlooHelp[] =
    R"(In a cluster (no --dir), objects come from the API server: Settings are <namespace>/<settings>. Any replica serves
xDS and judges reviews (8443, with gateway.validation in Settings); the one that holds the Lease gloo writes statuses
and discovered Upstreams. While the API server is away, what it said last is served.

With --dir DATA, Settings stand in DATA/<namespace>/<settings>.yaml, with their fields at the top level; they name the folders of
objects (directoryConfigSource and others: <folder>/<plural>/<namespace>/<name>.yaml) and the address of the xDS server
(gloo.xdsBindAddr, [::]:9977). Changes of Settings and objects are live at once. An Envoy asks for the proxy that
its bootstrap names: node.metadata.role is <namespace>~<proxy>, such as gloo-system~gateway-proxy.

  k8sgateway gloo                                     # in a pod, or with the cluster that kubectl would take
  k8sgateway gloo --kubeconfig admin.conf --namespace gloo-system
  k8sgateway gloo --xds-auth service-account          # configuration only for proxies that prove who they are
  k8sgateway gloo --dir ./data

Exit codes: 0 after a signal, 1 when there is no cluster, the address is in use or Settings are broken at the start, 2 for wrong usage.)";

constexpr char kTranslateHelp[] = R"(
  k8sgateway translate ./config                         # listeners, routes, clusters and secrets for each Envoy
  k8sgateway translate ./config --what proxy -o json    # the Proxy resources
  k8sgateway translate ./config --what reports          # every problem, as data

Private keys are not printed. Problems stand on stderr, as `validate` prints them.
Exit codes: 0, or 2 for wrong usage and folders that cannot be read.)";

constexpr char kValidateHelp[] =
    R"(A line is an error:    FILE:LINE: KIND NAMESPACE/NAME: FIELD: WHAT IS WRONG: HOW TO MEND IT
or it is a warning:    FILE:LINE: KIND NAMESPACE/NAME: FIELD: warning: WHAT IS WRONG: HOW TO MEND IT

  k8sgateway validate ./config
  k8sgateway validate ./config --envoy      # what passes is given to the real Envoy too

Exit codes: 0 without errors, 1 with errors, 2 for wrong usage and folders that cannot be read.)";

constexpr char kExplainHelp[] = R"(
  k8sgateway explain ./config --request 'GET http://example.com/api/pets?limit=3'
  k8sgateway explain ./config --request 'POST https://example.com:8443/' -H 'x-user: ada'

Ports 80 and 443 stand for whatever port the Gateway has, others must be the Gateway's own.
Exit codes: 0, or 2 for wrong usage and folders that cannot be read.)";

void AddStatusFile(CLI::App& command, std::string& path) {
  command.add_option("--status-file", path, "Keep a small JSON file here that says which revision is live")
      ->envname("K8SGATEWAY_STATUS_FILE");
}

void AddStateDir(CLI::App& command, std::string& path) {
  command
      .add_option("--state-dir", path,
                  "Keep the last good version of each file or object here (0600, Secrets too), so that a restart while "
                  "they are broken, or the API server is away, serves what was served before")
      ->envname("K8SGATEWAY_STATE_DIR");
}

constexpr char kCrdsHelp[] = R"(
  k8sgateway crds | kubectl apply -f -                      # also over those of an older version, whoever applied them
  k8sgateway crds -o ./crds                                 # one file each, PLURAL.GROUP.yaml
  k8sgateway crds --no-descriptions | kubectl apply -f -    # half the size, but explain stays silent

`kubectl explain virtualservice.spec.virtualHost` then tells what the fields are for.
Exit codes: 0, 1 when the files cannot be written, 2 for wrong usage.)";

void AddFolder(CLI::App& command, std::string& directory) {
  command.add_option("DIR", directory, "Folder of YAML: any tree, many documents a file")
      ->envname("K8SGATEWAY_DIR")
      ->required()
      ->check(CLI::ExistingDirectory);
}

void AddPolicyFlags(CLI::App& command, PolicyOptions& policy) {
  command
      .add_flag("--header-secrets-match-upstreams", policy.header_secrets_match_upstreams,
                "Refuse Secrets as headers of requests and health checks to Upstreams of other namespaces")
      ->envname("HEADER_SECRET_REF_NS_MATCHES_US");
}

void AddRun(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* run = app.add_subcommand("run", "Serve a folder of YAML: the control plane and an Envoy as one");
  run->add_option("DIR", options->directory, "Folder of YAML: any tree, many documents a file")
      ->envname("K8SGATEWAY_DIR");
  run->add_option("--to", options->to, "HOST:PORT: send every request there; needs no folder")
      ->envname("K8SGATEWAY_TO");
  run->add_option("--bind", options->bind, "Address to listen on; \"::\" for all")
      ->envname("K8SGATEWAY_BIND")
      ->check([](const std::string& address) {
        return IsIpAddress(address) ? std::string() : "\"" + address + "\" is no IP address, such as 127.0.0.1 or ::";
      })
      ->capture_default_str();
  AddNumber(*run, "--http-port", options->http_port, 1, 65535, "Port for HTTP");
  AddNumber(*run, "--https-port", options->https_port, 1, 65535, "Port for HTTPS");
  AddNumber(*run, "--admin-port", options->admin_port, 1, 65535, "Port of Envoy's admin pages, on loopback");
  AddNumber(*run, "--xds-port", options->xds_port, 0, 65535, "Port of the xDS server, on loopback; 0 picks a free one");
  run->add_option("--envoy", options->envoy, "The Envoy program [the one beside this program, else in PATH]")
      ->envname("K8SGATEWAY_ENVOY");
  AddNumber(*run, "--concurrency", options->concurrency, 0, 1024, "Envoy's worker threads; 0 means one per core");
  AddNumber(*run, "--drain-seconds", options->drain_seconds, 0, 3600,
            "How long requests in flight may take at the end");
  AddStatusFile(*run, options->status_file);
  AddStateDir(*run, options->state_dir);
  AddRouteShards(*run, options->route_shards);
  AddWasmFlags(*run, options->wasm);
  AddPolicyFlags(*run, options->policy);
  AddLogFlags(*run, options->log);
  run->footer(kRunHelp);
  run->callback([options, &exit_code] {
    if (options->directory.empty() == options->to.empty()) {
      throw CLI::ValidationError("run", options->to.empty() ? "give a folder, or --to HOST:PORT"
                                                            : "give a folder or --to HOST:PORT, not both");
    }
    exit_code = Run(*options);
  });
}

// "" when the text is good.
std::string CheckGrant(const std::string& text) {
  const auto grants = xds_auth::ParseGrants({text});
  return grants.ok() ? "" : std::string(grants.status().message());
}

std::string CheckAudience(const std::string& text) {
  return xds_auth::IsAudience(text) ? "" : "an audience has up to 256 printable characters, without spaces and quotes";
}

void AddXdsAuth(CLI::App& command, XdsAuthOptions& auth) {
  command
      .add_option("--xds-auth", auth.mode,
                  "Who gets configuration over xDS: none for whoever asks, or service-account for proxies that show a "
                  "token of their ServiceAccount, which the API server reviews")
      ->envname("K8SGATEWAY_XDS_AUTH")
      ->check(CLI::IsMember({kNoAuth, kServiceAccountAuth}))
      ->capture_default_str();
  command.add_option("--xds-auth-audience", auth.audience, "The audience that tokens of proxies must have")
      ->envname("K8SGATEWAY_XDS_AUTH_AUDIENCE")
      ->check(CheckAudience)
      ->capture_default_str();
  command
      .add_option("--xds-auth-allow", auth.allow,
                  "NAMESPACE/ACCOUNT=NAMESPACE~PROXY: this account may have this role, too; may stand more than once")
      ->envname("K8SGATEWAY_XDS_AUTH_ALLOW")
      ->delimiter(',')
      ->check(CheckGrant);
  AddNumber(command, "--xds-auth-recheck", auth.recheck_seconds, 5, 86400,
            "Seconds after which an open stream's token is reviewed again");
  command
      .add_flag("--xds-auth-open-services", auth.open_services,
                "The validation service and the one that shows Proxies answer anybody all the same; else, over the "
                "network, only accounts that may get proxies.gloo.solo.io")
      ->envname("K8SGATEWAY_XDS_AUTH_OPEN_SERVICES");
}

// "" when the text is good. Port 0 is any that is free.
std::string CheckBind(const std::string& text) {
  const auto address = ParseHostPort(text.ends_with(":0") ? text.substr(0, text.size() - 1) + "1" : text);
  return address.ok() ? "" : std::string(address.status().message());
}

void AddXdsBind(CLI::App& command, XdsBindOptions& bind) {
  command.add_option("--xds-bind", bind.grpc, "HOST:PORT of xDS, whatever Settings say [their gloo.xdsBindAddr]")
      ->envname("K8SGATEWAY_XDS_BIND")
      ->check(CheckBind);
  command
      .add_option("--rest-xds-bind", bind.rest,
                  "HOST:PORT of xDS by REST, whatever Settings say [their gloo.restXdsBindAddr]")
      ->envname("K8SGATEWAY_REST_XDS_BIND")
      ->check(CheckBind);
}

void AddGloo(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<GlooOptions>();
  if (const char* ns = std::getenv("POD_NAMESPACE"); ns && *ns) options->ns = ns;
  CLI::App* gloo = app.add_subcommand(
      "gloo", "The control plane alone, fed by a cluster or by folders, for Envoys that others start");
  auto* dir = gloo->add_option("--dir", options->directory, "The folder DATA; without it, objects come from a cluster")
                  ->envname("K8SGATEWAY_DIR");
  gloo->add_option("--kubeconfig", options->kubeconfig,
                   "How to reach the cluster [KUBECONFIG, else the pod's service account, else ~/.kube/config]")
      ->envname("K8SGATEWAY_KUBECONFIG")
      ->excludes(dir);
  gloo->add_option("--context", options->context, "Which context of the kubeconfig [the current one]")
      ->envname("K8SGATEWAY_CONTEXT")
      ->excludes(dir);
  gloo->add_option("--namespace", options->ns,
                   "Where Settings stand and Proxies belong [POD_NAMESPACE, else gloo-system]")
      ->envname("K8SGATEWAY_NAMESPACE")
      ->capture_default_str();
  gloo->add_option("--settings,--name", options->settings_name, "Name of the Settings")
      ->envname("K8SGATEWAY_SETTINGS")
      ->capture_default_str();
  gloo->add_option(
          "--lists", options->lists,
          "How a cluster is asked for all objects of a kind: whole is what most servers are quickest at; pages "
          "of 500, or a stream, where they can, ask less of their memory")
      ->envname("K8SGATEWAY_LISTS")
      ->check(CLI::IsMember({"whole", "pages", "stream"}))
      ->capture_default_str();
  AddNumber(*gloo, "--fallback-port", options->fallback_port, 1, 65535,
            "Where Envoys without a known role listen, to answer that they have none");
  gloo->add_flag("--long-statuses", options->long_statuses,
                 "Write reasons into statuses as far as an object can bear them, not just the published 1 KiB")
      ->envname("DISABLE_MAX_STATUS_SIZE");
  gloo->add_option("--envoy", options->envoy,
                   "The Envoy that fullEnvoyValidation asks [the one beside this program, else in PATH]")
      ->envname("K8SGATEWAY_ENVOY");
  gloo->add_option("--webhook-bind", options->webhook_bind, "HOST:PORT of the validating webhook, if Settings want one")
      ->envname("K8SGATEWAY_WEBHOOK_BIND")
      ->capture_default_str();
  AddXdsBind(*gloo, options->xds_bind);
  AddStatusFile(*gloo, options->status_file);
  AddStateDir(*gloo, options->state_dir);
  AddRouteShards(*gloo, options->route_shards);
  AddXdsAuth(*gloo, options->xds_auth);
  AddWasmFlags(*gloo, options->wasm);
  AddAdminFlags(*gloo, options->admin);
  options->admin.version = K8SGATEWAY_VERSION;
  AddPolicyFlags(*gloo, options->policy);
  gloo->add_flag("--discovery,!--no-discovery", options->discovery,
                 "Whether Services of the cluster get Upstreams by themselves; no where `discovery` does that")
      ->envname("K8SGATEWAY_DISCOVERY");
  AddNumber(*gloo, "--drain-seconds", options->drain_seconds, 0, 3600,
            "In a cluster: how long all is served on after SIGTERM, while callers of Services hear that the pod goes");
  AddLeaderFlags(*gloo, options->leader);
  AddLogFlags(*gloo, options->log, "LOG_LEVEL");
  gloo->footer(kGlooHelp);
  gloo->callback([options, &exit_code] {
    options->admin.installation = options->ns;
    CheckLeaderFlags(options->leader);
    exit_code = Gloo(*options);
  });
}

void AddTranslate(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<TranslateOptions>();
  CLI::App* translate = app.add_subcommand("translate", "Print what a folder becomes; equal input gives equal bytes");
  AddFolder(*translate, options->directory);
  translate->add_option("--what", options->what, "What to print")
      ->envname("K8SGATEWAY_WHAT")
      ->check(CLI::IsMember({"proxy", "envoy", "reports"}))
      ->capture_default_str();
  translate->add_option("-o,--output", options->output, "How to print it")
      ->envname("K8SGATEWAY_OUTPUT")
      ->check(CLI::IsMember({"yaml", "json"}))
      ->capture_default_str();
  translate->footer(kTranslateHelp);
  AddPolicyFlags(*translate, options->policy);
  translate->callback([options, &exit_code] { exit_code = Translate(*options); });
}

void AddValidate(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ValidateOptions>();
  CLI::App* validate =
      app.add_subcommand("validate", "List everything that is wrong with a folder, and how to mend it");
  AddFolder(*validate, options->directory);
  validate->add_flag("--envoy", options->ask_envoy, "Also ask the real Envoy")->envname("K8SGATEWAY_ASK_ENVOY");
  validate->add_option("--envoy-path", options->envoy, "The Envoy program [the one beside this program, else in PATH]")
      ->envname("K8SGATEWAY_ENVOY");
  validate->footer(kValidateHelp);
  AddPolicyFlags(*validate, options->policy);
  validate->callback([options, &exit_code] { exit_code = Validate(*options); });
}

void AddExplain(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* explain = app.add_subcommand(
      "explain",
      "Say which listener, virtual host, route, cluster and endpoint answer a request, and why others do not");
  AddFolder(*explain, options->directory);
  explain->add_option("--request", options->request, "Method and URL: 'GET http://host/path'")
      ->envname("K8SGATEWAY_REQUEST")
      ->required();
  explain->add_option("-H,--header", options->headers, "A header: 'name: value'; may stand more than once")
      ->envname("K8SGATEWAY_HEADER")
      ->expected(1)
      ->take_all();
  explain->footer(kExplainHelp);
  AddPolicyFlags(*explain, options->policy);
  explain->callback([options, &exit_code] { exit_code = ExplainRequest(*options); });
}

void AddCrds(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<CrdsOptions>();
  CLI::App* crds = app.add_subcommand("crds", "Print the custom resource definitions for a Kubernetes cluster");
  crds->add_option("-o,--output", options->directory, "A folder to write them to, a file each [all to stdout]")
      ->envname("K8SGATEWAY_CRDS");
  crds->add_flag("--no-descriptions", options->no_descriptions, "Leave out what `kubectl explain` tells")
      ->envname("K8SGATEWAY_NO_DESCRIPTIONS");
  crds->footer(kCrdsHelp);
  crds->callback([options, &exit_code] { exit_code = Crds(*options); });
}

// Says which word is no command, which CLI11 does not.
std::string UnknownCommand(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return "";
  std::string known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == argv[1]) return "";
    known += (known.empty() ? "" : ", ") + command->get_name();
  }
  return "there is no command \"" + std::string(argv[1]) + "\"; the commands are " + known;
}

}  // namespace
}  // namespace k8sgw

int main(int argc, char** argv) {
  CLI::App app("K8sGateway: an API gateway of custom resources and the real Envoy", "k8sgateway");
  app.require_subcommand(1);
  app.set_version_flag("--version", "k8sgateway " K8SGATEWAY_VERSION);
  app.footer("`k8sgateway COMMAND --help` says more. To begin: k8sgateway run --to localhost:9000");
  int exit_code = 0;
  k8sgw::AddRun(app, exit_code);
  k8sgw::AddGloo(app, exit_code);
  k8sgw::AddTranslate(app, exit_code);
  k8sgw::AddValidate(app, exit_code);
  k8sgw::AddExplain(app, exit_code);
  k8sgw::AddCrds(app, exit_code);
  k8sgw::AddCertgen(app, exit_code);
  k8sgw::AddSds(app, exit_code);
  k8sgw::AddAccessLog(app, exit_code);
  k8sgw::AddDiscovery(app, exit_code);
  k8sgw::AddProxy(app, exit_code);
  k8sgw::AddProbe(app, exit_code);
  k8sgw::AddUserCommands(app, K8SGATEWAY_VERSION, exit_code);
  if (argc == 1) {
    std::cerr << app.help();
    return k8sgw::kUsage;
  }
  if (const std::string unknown = k8sgw::UnknownCommand(app, argc, argv); !unknown.empty()) {
    std::cerr << unknown << "\n";
    return k8sgw::kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : k8sgw::kUsage;
  }
  return exit_code;
}
