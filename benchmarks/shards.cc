// Change to live traffic with the table as a whole, and divided: both sides are K8sGateway, in turns.

#include <fmt/core.h>

#include <thread>

#include "benchmarks/cases.h"

namespace k8sgw::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kWarmUp = 4;

// A `run` with its world and a client of it.
struct Side {
  Side(const Programs& programs, int n, int backend, const std::string& shards)
      : world({.virtual_services = n, .http_port = FreePort(), .backend_port = backend}),
        gateway(programs, world, {"--route-shards", shards}),
        client(world.http_port()) {
    WaitForAnswer(client, World::Host(world.probe()), "x-version: 0", Clock::now(), 1ms);
  }

  double Edit(int i, std::chrono::microseconds pause) {
    const int version = i % 2 + 1;
    const auto begin = Clock::now();
    world.EditVirtualService(world.probe(), version);
    return WaitForAnswer(client, World::Host(world.probe()), fmt::format("x-version: {}\r\n", version), begin, pause);
  }

  World world;
  GatewaySide gateway;
  Client client;
};

}  // namespace

void EditDivided(const Programs& programs, int n, int samples, Figures& figures) {
  const int backend = StartBackend("backend");
  Side whole(programs, n, backend, "off");
  Side divided(programs, n, backend, "auto");
  std::vector<double> whole_ms, divided_ms, whole_cpu, divided_cpu;
  for (int i = 0; i < samples + kWarmUp; ++i) {
    const auto measure = [&](Side& side, std::vector<double>& ms, std::vector<double>& cpu) {
      const double before = side.gateway.process().CpuMs();
      const double took = side.Edit(i, 100us);
      std::this_thread::sleep_for(n > 1000 ? 150ms : 30ms);
      if (i < kWarmUp) return;
      ms.push_back(took);
      cpu.push_back(side.gateway.process().CpuMs() - before);
    };
    measure(whole, whole_ms, whole_cpu);
    measure(divided, divided_ms, divided_cpu);
  }
  const auto add = [&](const std::string& name, const std::string& unit, const std::vector<double>& ours,
                       const std::vector<double>& floor, double bound, const std::string& promise) {
    figures.Add({.name = name,
                 .size = n,
                 .unit = unit,
                 .ours = Quantile(ours, 0.5),
                 .floor = Quantile(floor, 0.5),
                 .bound = bound,
                 .promise = promise,
                 .ours_p90 = Quantile(ours, 0.9),
                 .floor_p90 = Quantile(floor, 0.9),
                 .samples = samples});
  };
  // Below some hundred domains both are the same.
  const bool is_divided = n >= 300;
  add("edit, divided against whole", "ms", divided_ms, whole_ms, is_divided ? Quantile(whole_ms, 0.5) : 0,
      is_divided ? "less than the whole table" : "");
  add("  CPU of the control plane", "ms CPU", divided_cpu, whole_cpu, 0, "");
}

}  // namespace k8sgw::bench
