// A fleet beside a cluster: what each client costs, and when the last of them has a change.

#include <fmt/core.h>
#include <signal.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include "benchmarks/kube/cases.h"
#include "benchmarks/kube/objects.h"
#include "benchmarks/scale/fleet.h"
#include "benchmarks/scale/floor_process.h"

namespace k8sgw::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kWarmUp = 2;
constexpr double kMore = 100;
constexpr auto kTable = xds::Type::kRoute;
// So long after a change nobody works on it any more.
constexpr auto kRest = 200ms;

void AwaitFirst(Fleet& fleet, const Subscriptions& subscriptions) {
  for (const auto& [type, names] : subscriptions.types) fleet.Await(type, 1);
}

// Changes one VirtualService of many, and says the text that tells of it.
class Edits {
 public:
  Edits(KubeStage& stage, int n) : stage_(stage), n_(n) {}
  const std::string& Next() { return version_ = fmt::format("fleet-{:06}", ++number_); }
  void Send() { stage_.api().Send(PatchVirtualService(n_ / 2, version_)); }
  size_t number() const { return number_; }

 private:
  KubeStage& stage_;
  const int n_;
  size_t number_ = 0;
  std::string version_;
};

// A single client tells what the floor is to serve: first responses of each type, and two pushes.
std::unique_ptr<FloorProcess> MakeFloor(const Subscriptions& subscriptions, Edits& edits) {
  Fleet one(kXdsPort, 1, subscriptions);
  AwaitFirst(one, subscriptions);
  std::map<xds::Type, std::string> first;
  for (const auto& [type, names] : subscriptions.types) first[type] = one.Kept(type);
  std::vector<std::string> pushes;
  for (int i = 0; i < 2; ++i) {
    const size_t had = one.Responses(kTable);
    const std::string version = edits.Next();
    edits.Send();
    one.Await(kTable, had + 1);
    pushes.push_back(one.Kept(kTable));
    if (pushes.back().find(version) != std::string::npos) continue;
    fmt::print(stderr, "the response does not tell of the change\n");
    std::exit(1);
  }
  return std::make_unique<FloorProcess>(first, pushes);
}

// Resident memory, and CPU while nothing happens, of both servers.
struct Cost {
  double ours_mib = 0, floor_mib = 0;
  IdleCpu idle;
};

Cost Measure(const Process& ours, const Process& floor, std::chrono::seconds idle) {
  return {ours.RssMiB(), floor.RssMiB(), MeasureIdle(ours, floor, idle)};
}

// Both servers with as many clients, which have everything.
class Sides {
 public:
  Sides(KubeStage& stage, FloorProcess& floor, Edits& edits, int clients, const Subscriptions& subscriptions)
      : process_(stage.ControlPlane()),
        floor_(floor),
        edits_(edits),
        ours_(kXdsPort, clients, subscriptions),
        bare_(floor.port(), clients, subscriptions),
        trigger_(stage.kubeconfig(), VirtualServices("")) {
    AwaitFirst(ours_, subscriptions);
    AwaitFirst(bare_, subscriptions);
  }

  struct Sample {
    double ms = 0;
    double cpu_ms = 0;
  };
  // One edit, until the last client has it.
  Sample Ours() {
    const size_t had = ours_.Responses(kTable);
    const std::string version = edits_.Next();
    const Sample sample = Time(process_, [&] { return ours_.Await(kTable, had + 1); });
    if (ours_.Kept(kTable).find(version) != std::string::npos) return sample;
    fmt::print(stderr, "the response does not tell of the change\n");
    std::exit(1);
  }
  // The same of the floor. The control plane is stopped meanwhile, so that it takes nothing from the watch.
  Sample Floor() {
    const size_t ours_had = ours_.Responses(kTable);
    const size_t had = bare_.Responses(kTable);
    trigger_.Await(edits_.Next(), [this, push = edits_.number() % 2] { floor_.Push(push); });
    kill(process_.pid(), SIGSTOP);
    const Sample sample = Time(floor_.process(), [&] { return bare_.Await(kTable, had + 1); });
    kill(process_.pid(), SIGCONT);
    ours_.Await(kTable, ours_had + 1);
    std::this_thread::sleep_for(kRest);
    return sample;
  }

 private:
  template <class Await>
  Sample Time(const Process& server, const Await& await) {
    const double cpu = server.CpuMs();
    const auto begin = Clock::now();
    edits_.Send();
    const double ms = Ms(await() - begin);
    std::this_thread::sleep_for(kRest);
    return {ms, server.CpuMs() - cpu};
  }

  const Process& process_;
  FloorProcess& floor_;
  Edits& edits_;
  Fleet ours_;
  Fleet bare_;
  Trigger trigger_;
};

}  // namespace

void FleetInCluster(KubeStage& stage, int n, int clients, int samples, std::chrono::seconds idle, Figures& figures) {
  stage.Fill(n);
  const Child& process = stage.ControlPlane();
  AdsClient(kXdsPort, ProxyRole()).AwaitComplete(static_cast<size_t>(n), static_cast<size_t>(n));
  stage.Settle();
  const Subscriptions subscriptions{
      .role = ProxyRole(),
      .types = {{xds::Type::kCluster, {}}, {xds::Type::kListener, {}}, {kTable, {World::Table(stage.http_port())}}}};
  Edits edits(stage, n);
  const auto floor = MakeFloor(subscriptions, edits);
  stage.Settle();
  // What it does for the cluster it does without clients, too.
  const Cost alone = Measure(process, floor->process(), idle);
  Sides sides(stage, *floor, edits, clients, subscriptions);
  stage.Settle();
  const Cost cost = Measure(process, floor->process(), idle);

  std::vector<double> took, floor_took, cpu, floor_cpu;
  for (int i = 0; i < samples + kWarmUp; ++i) {
    const auto bare = sides.Floor();
    const auto ours = sides.Ours();
    if (i < kWarmUp) continue;
    floor_took.push_back(bare.ms);
    floor_cpu.push_back(bare.cpu_ms / clients);
    took.push_back(ours.ms);
    cpu.push_back(ours.cpu_ms / clients);
  }
  figures.AddSamples(fmt::format("fleet of {} clients", clients), n, "ms", took, floor_took,
                     Quantile(floor_took, 0.5) + kMore, fmt::format("the floor + {} ms", kMore));
  figures.AddSamples("  CPU for each client", n, "ms CPU", cpu, floor_cpu, 0, "");
  figures.Add({.name = "  CPU for each idle client",
               .size = n,
               .unit = "µs CPU a minute",
               .ours = (cost.idle.ours - alone.idle.ours) / clients,
               .floor = (cost.idle.floor - alone.idle.floor) / clients});
  const double kib = 1024.0 / clients;
  figures.Add({.name = "  memory for each client",
               .size = n,
               .unit = "KiB",
               .ours = (cost.ours_mib - alone.ours_mib) * kib,
               .floor = (cost.floor_mib - alone.floor_mib) * kib,
               .ours_p90 = (process.PeakRssMiB() - alone.ours_mib) * kib,
               .floor_p90 = (floor->process().PeakRssMiB() - alone.floor_mib) * kib});
}

}  // namespace k8sgw::bench
