// proxy url, address, dump, stats and logs: what a user wants from a running proxy. `proxy` alone is the component that
// runs Envoy in a pod.

#include <iostream>

#include "src/cli/control/control.h"
#include "src/cli/proxy/proxy.h"
#include "src/cmd/flags.h"
#include "src/cmd/user_commands.h"

namespace k8sgw {
namespace {

struct Flags {
  ClusterFlags cluster;
  std::string name = "gateway-proxy";
  std::string port = "http";
  cli::LogOptions logs;

  cli::ProxyChoice choice() const { return {cluster.ns, name}; }
};

using Act = std::function<int(cli::Session& session, const Flags& flags)>;

// A command below `proxy`, with the flags that all of them have.
CLI::App* Add(CLI::App& proxy, const std::string& name, const std::string& help, const std::string& example,
              const std::shared_ptr<Flags>& flags, const Act& act, int& exit_code) {
  CLI::App* command = proxy.add_subcommand(name, help);
  AddClusterFlags(*command, flags->cluster, "The namespace of the proxy");
  command->add_option("--name", flags->name, "The proxy")->capture_default_str();
  command->footer("\n" + example);
  command->callback([flags, act, &exit_code] {
    const std::unique_ptr<cli::Session> session = OpenSession(flags->cluster, "proxy");
    exit_code = session ? act(*session, *flags) : 1;
  });
  return command;
}

void AddPort(CLI::App& command, Flags& flags) {
  command.add_option("--port", flags.port, "The name or number of a port of its Service")->capture_default_str();
}

CLI::App* FindOrAdd(CLI::App& app, const std::string& name, const std::string& help) {
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == name) return command;
  }
  CLI::App* command = app.add_subcommand(name, help);
  command->require_subcommand(1);
  return command;
}

}  // namespace

void AddProxyCommands(CLI::App& app, int& exit_code) {
  CLI::App& proxy = *FindOrAdd(app, "proxy", "Say where a proxy is reached, and show what it knows");
  const auto add = [&](const std::string& name, const std::string& help, const std::string& example, const Act& act) {
    auto flags = std::make_shared<Flags>();
    return std::pair(Add(proxy, name, help, example, flags, act, exit_code), flags);
  };
  const auto [url, url_flags] =
      add("url", "Print the URL at which clients reach a proxy",
          "  curl $(k8sgateway proxy url)/api/pets\n  k8sgateway proxy url --port https",
          [](cli::Session& session, const Flags& flags) {
            return cli::PrintAddress(session, flags.choice(), flags.port, true, std::cout, std::cerr);
          });
  AddPort(*url, *url_flags);
  const auto [address, address_flags] =
      add("address", "Print the address and port at which clients reach a proxy",
          "  k8sgateway proxy address --port https", [](cli::Session& session, const Flags& flags) {
            return cli::PrintAddress(session, flags.choice(), flags.port, false, std::cout, std::cerr);
          });
  AddPort(*address, *address_flags);
  add("dump", "Print the configuration that an Envoy has, as JSON",
      "  k8sgateway proxy dump | jq '.configs[].\"@type\"'", [](cli::Session& session, const Flags& flags) {
        return cli::PrintAdminPage(session, flags.choice(), "/config_dump", std::cout, std::cerr);
      });
  add("stats", "Print the statistics of an Envoy", "  k8sgateway proxy stats | grep update_rejected",
      [](cli::Session& session, const Flags& flags) {
        return cli::PrintAdminPage(session, flags.choice(), "/stats", std::cout, std::cerr);
      });
  add("served-config", "Print what the control plane serves to a proxy over xDS, as YAML",
      "  k8sgateway proxy served-config --name gateway-proxy", [](cli::Session& session, const Flags& flags) {
        return cli::PrintServedConfig(session, flags.cluster.ns, flags.name, std::cout, std::cerr);
      });
  const auto [logs, log_flags] = add("logs", "Print the log of an Envoy", "  k8sgateway proxy logs -f --debug",
                                     [](cli::Session& session, const Flags& flags) {
                                       return cli::PrintLogs(session, flags.choice(), flags.logs, std::cout, std::cerr);
                                     });
  logs->add_flag("-f,--follow", log_flags->logs.follow, "Go on until Ctrl-C");
  logs->add_flag("--debug", log_flags->logs.debug, "Make Envoy log at level debug from now on");
  logs->add_option("--tail", log_flags->logs.tail, "Only the last lines")->check(CLI::Range(1, 1'000'000));
}

}  // namespace k8sgw
