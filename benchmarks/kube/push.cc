// Change to push, and what it costs.

#include <fmt/core.h>
#include <signal.h>

#include <algorithm>
#include <thread>

#include "benchmarks/kube/cases.h"
#include "benchmarks/kube/objects.h"

namespace k8sgw::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kWarmUp = 3;
// Of what the Go original needs at 5,000, in ms: three orders of magnitude are promised.
constexpr double kThousandthOfGo = 12.204;
// So long after a change nobody works on it any more.
constexpr auto kRest = 60ms;
// So long after a list of everything the API server is at rest again.
constexpr auto kRestOfServer = 1'000ms;

}  // namespace

void FillCluster(KubeStage& stage, int n, Figures& figures) {
  const int objects = 2 * (n - stage.filled());
  if (objects <= 0) return;
  const auto begin = Clock::now();
  stage.Fill(n);
  figures.Add({.name = "writing one object to the API server",
               .size = n,
               .unit = "ms",
               .ours = Ms(Clock::now() - begin) / objects,
               .samples = objects});
}

void ChangeToPush(KubeStage& stage, int n, int samples, Figures& figures) {
  stage.Fill(n);
  const Child& process = stage.ControlPlane();
  AdsClient client(kXdsPort, ProxyRole());
  client.AwaitComplete(static_cast<size_t>(n), static_cast<size_t>(n));
  Watcher watcher(stage.kubeconfig(), VirtualServices(""));
  stage.Settle();

  std::vector<double> ours, floor, cpu;
  // The same edit both times. For the floor the control plane is stopped, so that it takes nothing from the watch.
  const auto measure = [&](int i, bool bare) {
    const std::string version = fmt::format("edit-{:06}{}", i, bare ? 'f' : 'o');
    client.board().Expect(version);
    watcher.board().Expect(version);
    if (bare) kill(process.pid(), SIGSTOP);
    const double cpu_before = process.CpuMs();
    const auto begin = Clock::now();
    stage.api().Send(PatchVirtualService(n / 2, version));
    const double watched = Ms(watcher.board().Take(version, "the bare watch") - begin);
    if (bare) kill(process.pid(), SIGCONT);
    const double pushed = Ms(client.board().Take(version, "the bare ADS client") - begin);
    std::this_thread::sleep_for(kRest);
    if (i < kWarmUp) return;
    if (bare) {
      floor.push_back(watched);
    } else {
      ours.push_back(pushed);
      cpu.push_back(process.CpuMs() - cpu_before);
    }
  };
  for (int i = 0; i < samples + kWarmUp; ++i) {
    for (const bool bare : {true, false}) measure(i, bare);
  }
  // Nothing is promised of more.
  const bool promised = n <= 5'000;
  const double base = Quantile(floor, 0.5);
  figures.Add({.name = "change to push",
               .size = n,
               .unit = "ms",
               .ours = Quantile(ours, 0.5),
               .floor = base,
               .bound = n == 5'000 ? std::min(base + 5, kThousandthOfGo)
                        : promised ? base + 5
                                   : 0,
               .promise = n == 5'000 ? "the floor + 5 ms, and 12.2 ms"
                          : promised ? "the floor + 5 ms"
                                     : "",
               .ours_p90 = Quantile(ours, 0.9),
               .floor_p90 = Quantile(floor, 0.9),
               .samples = samples});
  figures.Add({.name = "  CPU of the control plane",
               .size = n,
               .unit = "ms CPU",
               .ours = Quantile(cpu, 0.5),
               .bound = promised ? 10.0 : 0,
               .promise = promised ? "10 ms CPU" : "",
               .ours_p90 = Quantile(cpu, 0.9),
               .samples = samples});
  figures.Add({.name = "  memory of the control plane",
               .size = n,
               .unit = "MiB",
               .ours = process.RssMiB(),
               .bound = promised ? 120.0 : 0,
               .promise = promised ? "120 MiB" : "",
               .ours_p90 = process.PeakRssMiB()});
}

void StartInCluster(KubeStage& stage, int n, int samples, Figures& figures) {
  stage.Fill(n);
  const auto count = static_cast<size_t>(n);
  const std::vector<std::string> targets = {kube::CollectionPath(VirtualServices("")),
                                            kube::CollectionPath(Upstreams(""))};
  std::vector<double> ours, floor;
  // Statuses are written once, and are not part of a start.
  stage.Settle();
  const auto list = [&] {
    const auto begin = Clock::now();
    Api bare(stage.kubeconfig());
    bare.Get(targets);
    floor.push_back(Ms(Clock::now() - begin));
  };
  const auto start = [&] {
    {
      AdsClient client(kXdsPort, ProxyRole());
      const auto begin = Clock::now();
      stage.ControlPlane();
      ours.push_back(Ms(client.AwaitComplete(count, count) - begin));
    }
    stage.StopControlPlane();
  };
  stage.StopControlPlane();
  // Either comes first in turns: the API server collects its garbage in the time of what comes after a list.
  for (int i = 0; i < samples; ++i) {
    for (const bool bare : {i % 2 == 0, i % 2 != 0}) {
      std::this_thread::sleep_for(kRestOfServer);
      if (bare) {
        list();
      } else {
        start();
      }
    }
  }
  // Means: some lists meet the API server's garbage collection and take twice as long, about every second one, so that
  // of which kind the median is would be chance, on either side.
  const double base = Mean(floor);
  figures.Add({.name = "start in a cluster",
               .size = n,
               .unit = "ms",
               .ours = Mean(ours),
               .floor = base,
               .bound = 2 * base,
               .promise = "2 x a bare list",
               .ours_p90 = Quantile(ours, 0.9),
               .floor_p90 = Quantile(floor, 0.9),
               .samples = samples});
  figures.AddSamples("  in the middle", n, "ms", ours, floor, 0, "");
}

}  // namespace k8sgw::bench
