// What goes on all day: CPU and memory of a control plane whose cluster changes.

#include <fmt/core.h>

#include <thread>

#include "benchmarks/kube/cases.h"
#include "benchmarks/kube/objects.h"

namespace k8sgw::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kWorkloads = 50;
constexpr int kSmallWorkload = 10;
constexpr int kLargeWorkload = 100;
// Numbers of workloads, and of changes, are used once in the life of a cluster.
constexpr int kManyWorkloads = 1'000;
constexpr int kManyChanges = 10'000;

}  // namespace

void Steady(KubeStage& stage, int n, int seconds, Figures& figures) {
  stage.Fill(n);
  std::vector<kube::WriteRequest> workloads;
  for (int i = 0; i < kWorkloads; ++i) {
    for (auto& request : CreateWorkload(i, kSmallWorkload)) workloads.push_back(std::move(request));
  }
  stage.api().SendAll(std::move(workloads));
  const Child& process = stage.ControlPlane();
  AdsClient client(kXdsPort, ProxyRole());
  client.AwaitComplete(static_cast<size_t>(n + kWorkloads), static_cast<size_t>(n));
  stage.Settle();

  double cpu = 0;
  double memory = 0;
  auto begin = Clock::now();
  int change = 0;
  const auto step = [&](int second) {
    const std::string version = fmt::format("steady-{:06}", second);
    client.board().Expect(version);
    stage.api().Begin(PatchVirtualService(second * 97 % n, version));
    if (second % 2 == 0) {
      client.board().Expect(AddressOf(change));
      stage.api().Begin(PatchWorkload(change % kWorkloads, kSmallWorkload, change));
    }
    std::this_thread::sleep_until(begin + std::chrono::seconds(1));
    begin += 1s;
    client.board().Take(version, "the bare ADS client");
    if (second % 2 == 0) client.board().Take(AddressOf(change++), "the bare ADS client");
  };
  // The first tenth warms up: allocators take what they will keep.
  const int warm_up = std::max(5, seconds / 10);
  for (int second = 0; second < warm_up + seconds; ++second) {
    if (second == warm_up) {
      cpu = process.CpuMs();
      memory = process.RssMiB();
    }
    step(second);
  }
  figures.Add({.name = "steady changes",
               .size = n,
               .unit = "ms CPU a second",
               .ours = (process.CpuMs() - cpu) / seconds,
               .bound = 20,
               .promise = "0.02 core",
               .samples = seconds});
  figures.Add({.name = "  memory at the end",
               .size = n,
               .unit = "MiB",
               .ours = process.RssMiB(),
               .floor = memory,
               .bound = memory * 1.03 + 1,
               .promise = "that of the beginning + 3% + 1 MiB",
               .ours_p90 = process.PeakRssMiB(),
               .floor_p90 = memory});
}

void EndpointChanges(KubeStage& stage, int endpoints, int per_second, int seconds, Figures& figures) {
  const int workloads = endpoints / kLargeWorkload;
  std::vector<kube::WriteRequest> requests;
  for (int i = 0; i < workloads; ++i) {
    for (auto& request : CreateWorkload(kManyWorkloads + i, kLargeWorkload)) requests.push_back(std::move(request));
  }
  stage.api().SendAll(std::move(requests));
  const Child& process = stage.ControlPlane();
  AdsClient client(kXdsPort, ProxyRole());
  client.AwaitComplete(static_cast<size_t>(workloads), 0);
  Watcher watcher(stage.kubeconfig(), Slices(""));
  stage.Settle();

  const int changes = per_second * seconds;
  const double cpu = process.CpuMs();
  std::vector<Clock::time_point> sent;
  auto next = Clock::now();
  for (int i = 0; i < changes; ++i, next += std::chrono::microseconds(1'000'000 / per_second)) {
    std::this_thread::sleep_until(next);
    const std::string address = AddressOf(kManyChanges + i);
    client.board().Expect(address);
    watcher.board().Expect(address);
    sent.push_back(Clock::now());
    stage.api().Begin(PatchWorkload(kManyWorkloads + i % workloads, kLargeWorkload, kManyChanges + i));
  }
  // Both must see every single one.
  std::vector<double> ours, floor;
  for (int i = 0; i < changes; ++i) {
    const std::string address = AddressOf(kManyChanges + i);
    const auto begin = sent[static_cast<size_t>(i)];
    floor.push_back(Ms(watcher.board().Take(address, "the bare watch") - begin));
    ours.push_back(Ms(client.board().Take(address, "the bare ADS client") - begin));
  }
  const double base = Quantile(floor, 0.5);
  figures.Add({.name = "100 endpoint changes a second",
               .size = endpoints,
               .unit = "ms",
               .ours = Quantile(ours, 0.5),
               .floor = base,
               .bound = base + 5,
               .promise = "the floor + 5 ms, every change pushed",
               .ours_p90 = Quantile(ours, 0.9),
               .floor_p90 = Quantile(floor, 0.9),
               .samples = changes});
  figures.Add({.name = "  CPU for each change",
               .size = endpoints,
               .unit = "ms CPU",
               .ours = (process.CpuMs() - cpu) / changes,
               .samples = changes});
}

}  // namespace k8sgw::bench
