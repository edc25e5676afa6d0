// One control plane, many clients.

#include <fmt/core.h>

#include <chrono>

#include "benchmarks/scale/cases.h"
#include "benchmarks/scale/side.h"

namespace k8sgw::bench {
namespace {

constexpr int kPort = 18'080;
constexpr double kMore = 100;
// So long for each sample that is asked for, it is watched while nothing happens.
constexpr std::chrono::seconds kIdle(6);

}  // namespace

void FleetOfClients(const Programs& programs, int n, int clients, int samples, Figures& figures) {
  const World world({.virtual_services = n, .upstreams = n, .http_port = kPort, .backend_port = 9});
  const Edit edit{.type = xds::Type::kRoute,
                  .write = [&](int number) { world.EditVirtualService(world.probe(), number); },
                  .mark = [](int number) { return std::to_string(number); }};
  Sides sides(programs, world, clients, ProxySubscriptions(world, {}), edit);
  const double memory = sides.with_clients_mib();
  const double floor_memory = sides.floor().RssMiB();
  const PushSamples pushes = sides.Alternate(samples);
  // gRPC pings who is silent each half a minute.
  const std::chrono::seconds idle = kIdle * samples;
  const IdleCpu with_clients = MeasureIdle(sides.ours(), sides.floor(), idle);
  const double base = Quantile(pushes.floor, 0.5);
  figures.Add({.name = fmt::format("VirtualServices, {} clients: change to the last", clients),
               .size = n,
               .unit = "ms",
               .ours = Quantile(pushes.ours, 0.5),
               .floor = base,
               .bound = base + kMore,
               .promise = fmt::format("the floor + {} ms", kMore),
               .ours_p90 = Quantile(pushes.ours, 0.9),
               .floor_p90 = Quantile(pushes.floor, 0.9),
               .samples = samples});
  const auto each = [&](const std::vector<double>& values) { return Quantile(values, 0.5) / clients; };
  figures.Add({.name = "  CPU for each client",
               .size = n,
               .unit = "ms CPU",
               .ours = each(pushes.ours_cpu),
               .floor = each(pushes.floor_cpu),
               .samples = samples});
  const double peak = sides.ours().PeakRssMiB(), floor_peak = sides.floor().PeakRssMiB();
  sides.EndClients();
  const IdleCpu alone = MeasureIdle(sides.ours(), sides.floor(), idle);
  figures.Add({.name = "  CPU for each idle client",
               .size = n,
               .unit = "µs CPU a minute",
               .ours = (with_clients.ours - alone.ours) / clients,
               .floor = (with_clients.floor - alone.floor) / clients});
  const double kib = 1024.0 / clients;
  figures.Add({.name = "  memory for each client",
               .size = n,
               .unit = "KiB",
               .ours = (memory - sides.alone_mib()) * kib,
               .floor = (floor_memory - sides.floor_alone_mib()) * kib,
               .ours_p90 = (peak - sides.alone_mib()) * kib,
               .floor_p90 = (floor_peak - sides.floor_alone_mib()) * kib});
}

}  // namespace k8sgw::bench
