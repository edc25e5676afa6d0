#include <fmt/core.h>

#include <functional>
#include <thread>

#include "benchmarks/divided/cases.h"
#include "benchmarks/divided/setup.h"

namespace k8sgw::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kWarmUp = 4;
// Hosts of one wildcard that are asked: they are of as many parts, about.
constexpr int kWildcardHosts = 64;

// Big tables keep Envoy busy with an edit that was answered already.
std::chrono::milliseconds Rest(int n) { return n > 1'000 ? std::chrono::milliseconds(100 + n / 50) : 30ms; }

// An edit to version 1 or 2; returns how long it took in ms.
using Edit = std::function<double(int version)>;

struct Turns {
  // By the side, in ms.
  std::vector<std::vector<double>> took;
  // CPU of the first side's control plane.
  std::vector<double> control_plane;
};

Turns InTurns(int samples, std::chrono::milliseconds rest, const Setup& first, const std::vector<Edit>& sides) {
  Turns turns;
  turns.took.resize(sides.size());
  for (int i = 0; i < samples + kWarmUp; ++i) {
    for (size_t side = 0; side < sides.size(); ++side) {
      const double before = first.control_plane().CpuMs();
      const double ms = sides[side](i % 2 + 1);
      std::this_thread::sleep_for(rest);
      if (i < kWarmUp) continue;
      turns.took[side].push_back(ms);
      if (side == 0) turns.control_plane.push_back(first.control_plane().CpuMs() - before);
    }
  }
  return turns;
}

Edit On(Setup& setup, double (*edit)(Setup&, int)) {
  return [&setup, edit](int version) { return edit(setup, version); };
}

double EditProbe(Setup& setup, int version) {
  const auto begin = Clock::now();
  setup.world.EditVirtualService(setup.world.probe(), version);
  return WaitForAnswer(setup.client, World::Host(setup.world.probe()), fmt::format("x-version: {}\r\n", version), begin,
                       100us);
}

// CPU of Envoy for one edit, with no request that would cost some: it includes what Envoy needs while it rests.
template <typename Write>
double EnvoyCpu(const Setup& setup, int edits, std::chrono::milliseconds rest, const Write& write) {
  static int version = 2;
  const double before = setup.envoy.CpuMs();
  for (int i = 0; i < edits; ++i) {
    write(setup.world, ++version);
    std::this_thread::sleep_for(rest);
  }
  return (setup.envoy.CpuMs() - before) / edits;
}

template <typename Write>
Pair EnvoyCpuInTurns(const Setup& divided, const Setup& whole, int rounds, std::chrono::milliseconds rest,
                     const Write& write) {
  constexpr int kEdits = 4;
  Pair cpu;
  for (int i = 0; i < rounds; ++i) {
    cpu.whole.push_back(EnvoyCpu(whole, kEdits, rest, write));
    cpu.divided.push_back(EnvoyCpu(divided, kEdits, rest, write));
  }
  return cpu;
}

void WriteWildcard(const World& world, int version) {
  world.Write("vs/wild.yaml", fmt::format(R"(apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {{name: wild, namespace: default}}
spec:
  virtualHost:
    domains: ["*.wild.example.com"]
    options:
      headerManipulation:
        responseHeadersToAdd: [{{header: {{key: x-version, value: "{}"}}, append: false}}]
    routes:
    - matchers: [{{prefix: /}}]
      routeAction: {{single: {{upstream: {{name: u0, namespace: default}}}}}}
)",
                                          version));
}

// Until each of many hosts of the wildcard has answered anew.
double EditWildcardOnce(Setup& setup, int version) {
  const auto begin = Clock::now();
  WriteWildcard(setup.world, version);
  double took = 0;
  for (int i = 0; i < kWildcardHosts; ++i) {
    took = WaitForAnswer(setup.client, fmt::format("w{}.wild.example.com", i),
                         fmt::format("x-version: {}\r\n", version), begin, 100us);
  }
  return took;
}

}  // namespace

void EditDivided(const Programs& programs, int n, int samples, Figures& figures) {
  const int backend = StartBackend("backend");
  Setup divided(programs, n, backend, kDivided);
  Setup whole(programs, n, backend, kWhole);
  Setup one(programs, 1, backend, kWhole);
  BareEnvoy bare(programs, backend);
  const Turns turns = InTurns(samples, Rest(n), divided,
                              {On(divided, EditProbe), On(whole, EditProbe), On(one, EditProbe),
                               [&bare](int version) { return bare.Edit(version); }});
  const auto& took = turns.took;
  const double floor = Quantile(took[2], 0.5);
  const double more = n > 10'000 ? 6 : 4;
  AddPair("divided: edit, beside one host", n, "ms", {took[0], took[2]}, floor + more,
          fmt::format("the floor + {} ms", more), figures);
  AddPair("  one host, beside Envoy alone", n, "ms", {took[2], took[3]}, 0, "", figures);
  if (n == 10'000) AddPair("  the whole path, file to answer", n, "ms", {took[0], {}}, 8, "8 ms", figures);
  AddPair("  edit, beside the whole table", n, "ms", {took[0], took[1]}, IsDivided(n) ? Quantile(took[1], 0.5) : 0,
          IsDivided(n) ? "less than the whole table" : "", figures);
  const Pair cpu = EnvoyCpuInTurns(divided, whole, std::max(3, samples / 4), Rest(n),
                                   [](const World& world, int v) { world.EditVirtualService(world.probe(), v); });
  AddPair("  CPU of Envoy", n, "ms CPU", cpu, n == 10'000 ? 4 : 0, n == 10'000 ? "4 ms CPU" : "", figures);
  AddPair("  CPU of the control plane", n, "ms CPU", {turns.control_plane, {}}, 10, "10 ms CPU", figures);
}

void EditWildcard(const Programs& programs, int n, int samples, Figures& figures) {
  const int backend = StartBackend("backend");
  const auto prepare = [](const World& world) { WriteWildcard(world, 0); };
  Setup divided(programs, n, backend, kDivided, prepare);
  Setup whole(programs, n, backend, kWhole, prepare);
  const auto took =
      InTurns(samples, Rest(n), divided, {On(divided, EditWildcardOnce), On(whole, EditWildcardOnce)}).took;
  AddPair("divided: edit of a wildcard", n, "ms", {took[0], took[1]}, Quantile(took[1], 0.5), "the whole table's",
          figures);
  AddPair("  CPU of Envoy for a wildcard", n, "ms CPU",
          EnvoyCpuInTurns(divided, whole, std::max(3, samples / 4), 2 * Rest(n), WriteWildcard), 0, "", figures);
}

}  // namespace k8sgw::bench
