// From nothing to the first answer, and what it costs to be there.

#include <fmt/core.h>

#include <optional>
#include <thread>

#include "benchmarks/cases.h"

namespace k8sgw::bench {
namespace {

using namespace std::chrono_literals;

double FirstAnswer(const World& world, Clock::time_point begin) {
  Client client(world.http_port());
  return WaitForAnswer(client, World::Host(world.probe()), "HTTP/1.1 200", begin, 1ms);
}

}  // namespace

void ColdStart(const Programs& programs, const std::string& name, int n, double times, int samples, Figures& figures) {
  const int backend = StartBackend("backend");
  const World world({.virtual_services = n, .upstreams = n, .http_port = FreePort(), .backend_port = backend});
  const Snapshot snapshot = SnapshotOf(world);
  std::vector<double> ours, floor, binary;
  for (int i = 0; i < samples; ++i) {
    for (const bool pb : {false, true}) {
      const std::string bootstrap = StaticBootstrap(snapshot, FreePort(), pb);
      const auto begin = Clock::now();
      const EnvoySide envoy(programs, bootstrap, pb ? "pb" : "json");
      (pb ? binary : floor).push_back(FirstAnswer(world, begin));
    }
    const auto begin = Clock::now();
    const GatewaySide gateway(programs, world, kWhole);
    ours.push_back(FirstAnswer(world, begin));
  }
  const auto add = [&](const std::string& what, const std::vector<double>& base) {
    figures.AddSamples(what, n, "ms", ours, base, times * Quantile(base, 0.5),
                       fmt::format("{} x Envoy with a static file", times));
  };
  add(name, floor);
  add("  same, file as protobuf", binary);
}

void Memory(const Programs& programs, int n, Figures& figures) {
  const World world(
      {.virtual_services = n, .upstreams = n, .http_port = FreePort(), .backend_port = StartBackend("backend")});
  const GatewaySide gateway(programs, world);
  FirstAnswer(world, Clock::now());
  std::this_thread::sleep_for(1s);
  figures.Add({.name = "memory of the control plane",
               .size = 2 * n,
               .unit = "MiB",
               .ours = gateway.process().RssMiB(),
               .bound = 80,
               .promise = "80 MiB",
               .ours_p90 = gateway.process().PeakRssMiB()});
}

}  // namespace k8sgw::bench
