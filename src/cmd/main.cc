// k8sgateway: one binary, a subcommand per component.

#include <CLI/CLI.hpp>

#include "src/cmd/commands.h"

namespace k8sgw {
namespace {

void AddLogFlags(CLI::App& command, LogOptions& log) {
  command.add_option("--log-level", log.level, "trace, debug, info, warning, error")
      ->envname("K8SGATEWAY_LOG_LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}))
      ->capture_default_str();
  command.add_option("--log-format", log.format, "text, or json for one object a line")
      ->envname("K8SGATEWAY_LOG_FORMAT")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void AddRun(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* run = app.add_subcommand(
      "run", "Serve a folder of YAML: the control plane and an Envoy as one.\n"
             "Files are read again when they change; a broken file keeps its last good objects.");
  run->add_option("DIR", options->directory, "Folder of Kubernetes-style YAML, any tree, many documents a file");
  run->add_option("--to", options->to, "HOST:PORT: send every request there; needs no folder");
  const CLI::Range ports(0, 65535);
  run->add_option("--bind", options->bind, "Address to listen on; \"::\" for all")->envname("K8SGATEWAY_BIND")->capture_default_str();
  run->add_option("--http-port", options->http_port, "Port for HTTP")->envname("K8SGATEWAY_HTTP_PORT")->check(ports)->capture_default_str();
  run->add_option("--https-port", options->https_port, "Port for HTTPS")->envname("K8SGATEWAY_HTTPS_PORT")->check(ports)->capture_default_str();
  run->add_option("--admin-port", options->admin_port, "Port of Envoy's admin pages, on loopback")->envname("K8SGATEWAY_ADMIN_PORT")->check(ports)->capture_default_str();
  run->add_option("--xds-port", options->xds_port, "Port of the xDS server, on loopback; 0 picks a free one")->envname("K8SGATEWAY_XDS_PORT")->check(ports)->capture_default_str();
  run->add_option("--envoy", options->envoy, "The Envoy binary [beside this program, else from PATH]")->envname("K8SGATEWAY_ENVOY");
  run->add_option("--concurrency", options->concurrency, "Envoy's worker threads; 0 means one per core")->envname("K8SGATEWAY_CONCURRENCY")->check(CLI::Range(0, 1024))->capture_default_str();
  run->add_option("--drain-seconds", options->drain_seconds, "How long requests in flight may take when we end")->envname("K8SGATEWAY_DRAIN_SECONDS")->check(CLI::Range(0, 3600))->capture_default_str();
  run->add_option("--status-file", options->status_file, "Keep a small JSON file that says which revision is live")->envname("K8SGATEWAY_STATUS_FILE");
  AddLogFlags(*run, options->log);
  run->footer("The Gateways, when the folder brings none, are gateway-proxy (HTTP) and gateway-proxy-ssl (HTTPS).\n\n"
              "  k8sgateway run --to localhost:9000\n"
              "  k8sgateway run ./config --http-port 80 --https-port 443 --bind ::");
  run->callback([options, &exit_code] {
    if (options->directory.empty() == options->to.empty()) {
      throw CLI::ValidationError("run", "give a folder, or --to HOST:PORT");
    }
    exit_code = Run(*options);
  });
}

void AddGloo(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<GlooOptions>();
  CLI::App* gloo = app.add_subcommand(
      "gloo", "The control plane alone, in file mode, for Envoys that others start.\n"
              "Settings are read from DATA/<namespace>/<name>.yaml and name the folders of objects and the addresses.");
  gloo->add_option("--dir", options->directory, "The folder DATA")->required()->envname("K8SGATEWAY_DIR");
  gloo->add_option("--namespace", options->ns, "Where Settings stand and Proxies belong")->envname("POD_NAMESPACE")->capture_default_str();
  gloo->add_option("--settings", options->settings_name, "Name of the Settings")->capture_default_str();
  gloo->add_option("--status-file", options->status_file, "Keep a small JSON file that says which revision is live");
  AddLogFlags(*gloo, options->log);
  gloo->callback([options, &exit_code] { exit_code = Gloo(*options); });
}

void AddTranslate(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<TranslateOptions>();
  CLI::App* translate = app.add_subcommand("translate", "Print what a folder becomes; equal input gives equal bytes");
  translate->add_option("DIR", options->directory, "Folder of YAML")->required()->check(CLI::ExistingDirectory);
  translate->add_option("--what", options->what, "proxy, envoy or reports")->check(CLI::IsMember({"proxy", "envoy", "reports"}))->capture_default_str();
  translate->add_option("-o,--output", options->output, "yaml or json")->check(CLI::IsMember({"yaml", "json"}))->capture_default_str();
  translate->callback([options, &exit_code] { exit_code = Translate(*options); });
}

void AddValidate(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ValidateOptions>();
  CLI::App* validate = app.add_subcommand(
      "validate", "List every problem as file:line: kind namespace/name: field: what is wrong: how to mend it.\n"
                  "The exit code is 1 when there are errors.");
  validate->add_option("DIR", options->directory, "Folder of YAML")->required()->check(CLI::ExistingDirectory);
  validate->add_flag("--envoy", options->ask_envoy, "Also ask the real Envoy");
  validate->add_option("--envoy-path", options->envoy, "The Envoy binary")->envname("K8SGATEWAY_ENVOY");
  validate->callback([options, &exit_code] { exit_code = Validate(*options); });
}

void AddExplain(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* explain = app.add_subcommand(
      "explain", "Say which listener, virtual host, route, cluster and endpoint answer a request, and why others do not");
  explain->add_option("DIR", options->directory, "Folder of YAML")->required()->check(CLI::ExistingDirectory);
  explain->add_option("--request", options->request, "Method and URL: 'GET http://host/path'")->required();
  explain->add_option("-H,--header", options->headers, "A header: 'name: value'");
  explain->callback([options, &exit_code] { exit_code = ExplainRequest(*options); });
}

}  // namespace
}  // namespace k8sgw

int main(int argc, char** argv) {
  CLI::App app("K8sGateway: an API gateway of custom resources and the real Envoy");
  app.require_subcommand(1);
  app.set_version_flag("--version", "k8sgateway " K8SGATEWAY_VERSION);
  app.footer("`k8sgateway COMMAND --help` says more. To begin: k8sgateway run --to localhost:9000");
  int exit_code = 0;
  k8sgw::AddRun(app, exit_code);
  k8sgw::AddGloo(app, exit_code);
  k8sgw::AddTranslate(app, exit_code);
  k8sgw::AddValidate(app, exit_code);
  k8sgw::AddExplain(app, exit_code);
  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
