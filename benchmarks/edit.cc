// Change to live traffic.

#include <fmt/core.h>

#include <functional>
#include <thread>

#include "benchmarks/cases.h"
#include "src/cmd/folder.h"
#include "src/sources/file/directory_source.h"

namespace k8sgw::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kWarmUp = 4;

// One side of an edit: does the change number `i`, which answers with `expected(i)`.
struct Editor {
  std::function<void(int i)> change;
  std::function<std::string(int i)> expected;
  Client& client;
  std::string host;
};

double Measure(const Editor& editor, int i, std::chrono::microseconds pause) {
  const auto begin = Clock::now();
  editor.change(i);
  return WaitForAnswer(editor.client, editor.host, editor.expected(i), begin, pause);
}

struct Samples {
  std::vector<double> ours, floor, cpu;
};

Samples Alternate(const Editor& ours, const Editor& floor, const Child& process, int samples, int n) {
  // Big tables keep Envoy busy; asking too often would only disturb both sides.
  const auto pause = n > 1000 ? 500us : 100us;
  const auto rest = n > 1000 ? 150ms : 30ms;
  Samples out;
  for (int i = 0; i < samples + kWarmUp; ++i) {
    const double floor_ms = Measure(floor, i, pause);
    std::this_thread::sleep_for(rest);
    const double cpu_before = process.CpuMs();
    const double ours_ms = Measure(ours, i, pause);
    std::this_thread::sleep_for(rest);
    const double cpu = process.CpuMs() - cpu_before;
    if (i < kWarmUp) continue;
    out.floor.push_back(floor_ms);
    out.ours.push_back(ours_ms);
    out.cpu.push_back(cpu);
  }
  return out;
}

void AddLatency(const std::string& name, int n, const Samples& samples, double bound, const std::string& promise,
                Figures& figures) {
  figures.AddSamples(name, n, "ms", samples.ours, samples.floor, bound, promise);
}

void AddCpu(const std::string& name, int n, const Samples& samples, Figures& figures) {
  figures.AddSamples(name, n, "ms CPU", samples.cpu, {}, 10, "10 ms CPU");
}

// How many transforms an edit of one object re-runs. The same graph as in `run`, in this process.
void CountReruns(const std::string& name, const World& world, const std::function<void()>& edit, int n,
                 Figures& figures) {
  Pipeline::Options options;
  options.settings.write_namespace = kWriteNamespace;
  Pipeline pipeline(options);
  file::DirectorySource source(world.folder(), kDefaultNamespace);
  for (const Change& change : source.Start()) pipeline.Stage(change);
  pipeline.Commit();
  const auto all = static_cast<double>(pipeline.graph().last_runs());
  edit();
  for (const Change& change : source.OnReadable()) pipeline.Stage(change);
  pipeline.Commit();
  figures.Add({.name = name,
               .size = n,
               .unit = "re-runs",
               .ours = static_cast<double>(pipeline.graph().last_runs()),
               .floor = 0,
               .bound = 20,
               .promise = fmt::format("only what read it: at most 20 of {:.0f}", all)});
}

}  // namespace

void EditVirtualService(const Programs& programs, int n, int samples, Figures& figures) {
  const int backend = StartBackend("backend");
  const World ours_world({.virtual_services = n, .http_port = FreePort(), .backend_port = backend});
  const int floor_port = FreePort();
  const World floor_world({.virtual_services = n, .http_port = floor_port, .backend_port = backend});
  const int probe = ours_world.probe();

  // The two versions between which both sides go back and forth.
  const Snapshot first = SnapshotOf(floor_world);
  FloorServer server(first);
  std::vector<std::shared_ptr<const FloorServer::Prepared>> prepared;
  for (int version = 1; version <= 2; ++version) {
    floor_world.EditVirtualService(probe, version);
    const Snapshot snapshot = SnapshotOf(floor_world);
    prepared.push_back(server.Prepare(snapshot.at(xds::Type::kRoute).begin()->second));
  }
  const EnvoySide floor_envoy(programs, DynamicBootstrap(server.port(), FreePort(), "floor"), "json");
  const GatewaySide gateway(programs, ours_world, kWhole);
  Client ours_client(ours_world.http_port());
  Client floor_client(floor_port);
  const std::string host = World::Host(probe);
  WaitForAnswer(ours_client, host, "x-version: 0", Clock::now(), 1ms);
  WaitForAnswer(floor_client, host, "x-version: 0", Clock::now(), 1ms);

  const auto expected = [](int i) { return fmt::format("x-version: {}\r\n", i % 2 + 1); };
  const Editor ours{[&](int i) { ours_world.EditVirtualService(probe, i % 2 + 1); }, expected, ours_client, host};
  const Editor floor{[&](int i) { server.Push(prepared[static_cast<size_t>(i % 2)]); }, expected, floor_client, host};
  const Samples result = Alternate(ours, floor, gateway.process(), samples, n);
  AddLatency("edit a VirtualService", n, result, 1.15 * Quantile(result.floor, 0.5) + 1, "1.15 x the floor + 1 ms",
             figures);
  AddCpu("  CPU of the control plane", n, result, figures);
  CountReruns(
      "  transforms that ran again", floor_world, [&] { floor_world.EditVirtualService(probe, 3); }, n, figures);
}

void EditUpstream(const Programs& programs, int n, int samples, Figures& figures) {
  const int backends[] = {StartBackend("backend-a"), StartBackend("backend-b")};
  const World ours_world({.upstreams = n, .http_port = FreePort(), .backend_port = backends[0]});
  const World floor_world({.upstreams = n, .http_port = FreePort(), .backend_port = backends[0]});
  const int probe = ours_world.probe_upstream();

  const Snapshot first = SnapshotOf(floor_world);
  FloorServer server(first);
  std::vector<std::shared_ptr<const FloorServer::Prepared>> prepared;
  for (int next : {1, 0}) {
    floor_world.EditUpstream(probe, backends[next]);
    const Snapshot snapshot = SnapshotOf(floor_world);
    prepared.push_back(server.Prepare(snapshot.at(xds::Type::kCluster).at(fmt::format("u{}_default", probe))));
  }
  const EnvoySide floor_envoy(programs, DynamicBootstrap(server.port(), FreePort(), "floor"), "json");
  const GatewaySide gateway(programs, ours_world);
  Client ours_client(ours_world.http_port());
  Client floor_client(floor_world.http_port());
  const std::string host = World::Host(0);
  WaitForAnswer(ours_client, host, "backend-a", Clock::now(), 1ms);
  WaitForAnswer(floor_client, host, "backend-a", Clock::now(), 1ms);

  const auto expected = [](int i) { return i % 2 == 0 ? "backend-b" : "backend-a"; };
  const Editor ours{[&](int i) { ours_world.EditUpstream(probe, backends[1 - i % 2]); }, expected, ours_client, host};
  const Editor floor{[&](int i) { server.Push(prepared[static_cast<size_t>(i % 2)]); }, expected, floor_client, host};
  const Samples result = Alternate(ours, floor, gateway.process(), samples, n);
  AddLatency("edit an Upstream", n, result, 2 * Quantile(result.floor, 0.5), "2 x the floor", figures);
  AddCpu("  CPU of the control plane", n, result, figures);
  CountReruns("  transforms that ran again", floor_world, [&] { floor_world.EditUpstream(probe, 1); }, n, figures);
}

}  // namespace k8sgw::bench
