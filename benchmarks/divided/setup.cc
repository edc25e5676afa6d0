#include "benchmarks/divided/setup.h"

#include <fmt/core.h>

#include <cstdlib>

namespace k8sgw::bench {

using namespace std::chrono_literals;

Setup::Setup(const Programs& programs, int n, int backend, const std::vector<std::string>& flags,
             const std::function<void(const World&)>& prepare)
    : world({.virtual_services = n, .http_port = FreePort(), .backend_port = backend}), client(world.http_port()) {
  if (prepare) prepare(world);
  gateway = std::make_unique<GatewaySide>(programs, world, flags);
  WaitForAnswer(client, World::Host(world.probe()), "x-version: 0", Clock::now(), 1ms);
  RequireForm(*gateway, flags, n);
  envoy = gateway->envoy();
}

BareEnvoy::BareEnvoy(const Programs& programs, int backend)
    : world({.virtual_services = 1, .http_port = FreePort(), .backend_port = backend}), client(world.http_port()) {
  server = std::make_unique<FloorServer>(SnapshotOf(world));
  for (const int version : {1, 2}) {
    world.EditVirtualService(world.probe(), version);
    versions.push_back(server->Prepare(SnapshotOf(world).at(xds::Type::kRoute).begin()->second));
  }
  envoy = std::make_unique<EnvoySide>(programs, DynamicBootstrap(server->port(), FreePort(), "floor"), "json");
  WaitForAnswer(client, World::Host(world.probe()), "x-version: 0", Clock::now(), 1ms);
}

double BareEnvoy::Edit(int version) {
  const auto begin = Clock::now();
  server->Push(versions[static_cast<size_t>(version - 1)]);
  return WaitForAnswer(client, World::Host(world.probe()), fmt::format("x-version: {}\r\n", version), begin, 100us);
}

void RequireForm(const GatewaySide& gateway, const std::vector<std::string>& flags, int n) {
  const bool wanted = flags == kDivided && IsDivided(n);
  if (gateway.HasParts() == wanted) return;
  fmt::print(stderr, "the table of {} hosts is {}divided: is --envoy one with the module beside it, such as {}?\n", n,
             wanted ? "not " : "", "build/release/envoy");
  std::exit(1);
}

void AddPair(const std::string& name, int n, const std::string& unit, const Pair& pair, double bound,
             const std::string& promise, Figures& figures) {
  figures.AddSamples(name, n, unit, pair.divided, pair.whole, bound, promise);
}

}  // namespace k8sgw::bench
