#include "benchmarks/world.h"

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace k8sgw::bench {
namespace {

namespace fs = std::filesystem;

std::string UpstreamText(int i, int port) {
  return fmt::format(R"(apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {{name: u{}, namespace: default}}
spec:
  static:
    hosts: [{{addr: 127.0.0.1, port: {}}}]
)",
                     i, port);
}

std::string VirtualServiceText(int i, int upstream, int routes, int version) {
  std::string text = fmt::format(R"(apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata:
  name: vs{0}
  namespace: default
spec:
  virtualHost:
    domains: [{1}]
    options:
      headerManipulation:
        responseHeadersToAdd:
        - header: {{key: x-version, value: "{2}"}}
          append: false
    routes:
)",
                                 i, World::Host(i), version);
  // The last of them takes what is left.
  for (int route = 1; route <= routes; ++route) {
    text += fmt::format(R"(    - matchers: [{{prefix: /{}}}]
      routeAction:
        single:
          upstream: {{name: u{}, namespace: default}}
)",
                        route < routes ? fmt::format("path-{}/", route) : "", upstream);
  }
  return text;
}

std::string GatewayText(int i, int port) {
  return fmt::format(R"(apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {{name: gateway-proxy{}, namespace: gloo-system}}
spec: {{bindAddress: 127.0.0.1, bindPort: {}, proxyNames: [gateway-proxy], httpGateway: {{}}}}
)",
                     i == 0 ? "" : fmt::format("-{}", i), port);
}

}  // namespace

World::World(const WorldOptions& options) : options_(options) {
  std::string name = (fs::temp_directory_path() / "k8sgateway-bench-XXXXXX").string();
  if (!mkdtemp(name.data())) {
    std::perror("mkdtemp");
    std::exit(1);
  }
  folder_ = name;
  for (const char* part : {"/vs", "/us"}) fs::create_directory(folder_ + part);
  std::ofstream gateways(folder_ + "/gateway.yaml");
  for (int i = 0; i < options_.gateways; ++i) gateways << "---\n" << GatewayText(i, options_.http_port + i);
  gateways.close();
  for (int i = 0; i < options_.upstreams; ++i) {
    std::ofstream(fmt::format("{}/us/u{}.yaml", folder_, i)) << UpstreamText(i, options_.backend_port);
  }
  for (int i = 0; i < options_.virtual_services; ++i) {
    std::ofstream(fmt::format("{}/vs/vs{}.yaml", folder_, i))
        << VirtualServiceText(i, i % options_.upstreams, options_.routes, 0);
  }
}

World::~World() {
  std::error_code error;
  fs::remove_all(folder_, error);
}

std::vector<std::string> World::Tables() const {
  std::vector<std::string> names;
  for (int i = 0; i < options_.gateways; ++i) names.push_back(Table(options_.http_port + i));
  return names;
}

void World::Replace(const std::string& path, const std::string& text) const {
  std::ofstream(path + ".part") << text;
  std::rename((path + ".part").c_str(), path.c_str());
}

void World::Write(const std::string& path, const std::string& text) const {
  fs::create_directories(fs::path(folder_ + "/" + path).parent_path());
  Replace(folder_ + "/" + path, text);
}

void World::EditVirtualService(int i, int version) const {
  Replace(fmt::format("{}/vs/vs{}.yaml", folder_, i),
          VirtualServiceText(i, i % options_.upstreams, options_.routes, version));
}

void World::EditUpstream(int i, int backend_port) const {
  Replace(fmt::format("{}/us/u{}.yaml", folder_, i), UpstreamText(i, backend_port));
}

}  // namespace k8sgw::bench
