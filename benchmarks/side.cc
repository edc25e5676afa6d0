#include "benchmarks/side.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "src/cmd/folder.h"
#include "src/envoy/names.h"

namespace k8sgw::bench {
namespace {

constexpr auto kPatience = std::chrono::minutes(1);
constexpr int kTightTries = 20;

std::string LogFile(const std::string& name) { return (std::filesystem::temp_directory_path() / name).string(); }

std::vector<std::string> With(std::vector<std::string> args, const std::vector<std::string>& more) {
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

}  // namespace

GatewaySide::GatewaySide(const Programs& programs, const World& world, const std::vector<std::string>& flags)
    : admin_port_(FreePort()),
      process_(With({programs.gateway, "run", world.folder(), "--envoy", programs.envoy, "--xds-port", "0",
                     "--admin-port", std::to_string(admin_port_), "--concurrency", "2"},
                    flags),
               LogFile("k8sgateway-bench-ours.log")) {}

bool GatewaySide::HasParts() const {
  return Fetch(admin_port_, "/config_dump?resource=dynamic_scoped_route_configs").find("route_configuration_name") !=
         std::string::npos;
}

bool GatewaySide::HasTable(int port) const {
  const std::string tables = Fetch(admin_port_, "/config_dump?resource=dynamic_route_configs");
  // Those of parts begin with the same name.
  return tables.find('"' + World::Table(port) + '"') != std::string::npos;
}

EnvoySide::EnvoySide(const Programs& programs, const std::string& bootstrap, const std::string& extension)
    : file_(LogFile(fmt::format("k8sgateway-bench-{}.{}", getpid(), extension))) {
  std::ofstream(file_) << bootstrap;
  process_ = std::make_unique<Child>(std::vector<std::string>{programs.envoy, "-c", file_, "--disable-hot-restart",
                                                              "-l", "warning", "--concurrency", "2"},
                                     LogFile("k8sgateway-bench-floor.log"));
}

EnvoySide::~EnvoySide() {
  process_.reset();
  std::error_code error;
  std::filesystem::remove(file_, error);
}

Snapshot SnapshotOf(const World& world) {
  Pipeline::Options options;
  options.settings.write_namespace = kWriteNamespace;
  Folder folder(world.folder(), options);
  for (const PlacedLine& line : folder.Problems()) fmt::print(stderr, "{}\n", line.ToString());
  return folder.pipeline().ResourcesOf(envoy::Role({kWriteNamespace, kDefaultProxy}));
}

double WaitForAnswer(Client& client, const std::string& host, const std::string& expected, Clock::time_point begin,
                     std::chrono::microseconds pause) {
  for (int tries = 0;; ++tries) {
    if (client.Get(host).find(expected) != std::string::npos) return Ms(Clock::now() - begin);
    if (Clock::now() - begin > kPatience) {
      fmt::print(stderr, "no answer with \"{}\" from {} within a minute; see the logs in the temporary folder\n",
                 expected, host);
      std::exit(1);
    }
    if (tries >= kTightTries) std::this_thread::sleep_for(pause);
  }
}

}  // namespace k8sgw::bench
