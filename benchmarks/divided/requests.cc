#include <fmt/core.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>

#include "benchmarks/divided/cases.h"
#include "benchmarks/divided/setup.h"

namespace k8sgw::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kConnections = 8;
constexpr int kEnvoys = 6;

struct Round {
  double us = 0;      // of time for each request
  double cpu_us = 0;  // of Envoy for each
};

using HostOf = std::function<std::string(int i)>;

constexpr char kDirect[] = R"(apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: direct, namespace: default}
spec:
  virtualHost:
    domains: [direct.example.com]
    routes:
    - matchers: [{prefix: /}]
      directResponseAction: {status: 200, body: direct}
)";

std::string GatewayWhole(int port) {
  return fmt::format(R"(apiVersion: gateway.solo.io/v1
kind: Gateway
metadata:
  name: whole
  namespace: gloo-system
  annotations: {{k8sgateway.io/route-shards: "off"}}
spec: {{bindAddress: 127.0.0.1, bindPort: {}, proxyNames: [gateway-proxy], httpGateway: {{}}}}
)",
                     port);
}

// One Envoy with a listener for each form of the table. Two Envoys with the same tables differ by some hundredths for
// as long as they live, as their memory lies differently, which is as much as is looked for.
struct BothForms {
  BothForms(const Programs& programs, int n, int backend)
      : whole_port(FreePort()), setup(programs, n, backend, kDivided, [this](const World& world) {
          world.Write("direct.yaml", kDirect);
          world.Write("whole.yaml", GatewayWhole(whole_port));
        }) {
    Client client(whole_port);
    WaitForAnswer(client, World::Host(setup.world.probe()), "x-version: 0", Clock::now(), 1ms);
    if (!setup.gateway->HasTable(whole_port) || setup.gateway->HasTable(setup.world.http_port())) {
      fmt::print(stderr, "not one of the listeners is divided, and the other whole\n");
      std::exit(1);
    }
  }
  int port(bool divided) const { return divided ? setup.world.http_port() : whole_port; }

  const int whole_port;
  const Setup setup;
};

// As many requests as go through in half a second.
Round Load(const BothForms& forms, bool divided, const HostOf& host) {
  std::atomic<int> answers = 0;
  std::atomic<int> other = 0;
  const double cpu = forms.setup.envoy.CpuMs();
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (int connection = 0; connection < kConnections; ++connection) {
    threads.emplace_back([&, connection] {
      Client client(forms.port(divided));
      for (int i = connection; Clock::now() - begin < 500ms; i += 997) {
        const bool good = client.Get(host(i)).starts_with("HTTP/1.1 200");
        ++(good ? answers : other);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double ms = Ms(Clock::now() - begin);
  if (other > 0) {
    fmt::print(stderr, "{} requests were not answered with 200\n", other.load());
    std::exit(1);
  }
  return {1'000 * ms / answers, 1'000 * (forms.setup.envoy.CpuMs() - cpu) / answers};
}

// Time and CPU for each request, round by round.
struct Rounds {
  Pair time, cpu;
  // The time of the divided form as a multiple of that of the whole one in the same round: what the machine does
  // meanwhile slows both.
  std::vector<double> multiples;
};

void Compare(const BothForms& forms, const HostOf& host, int rounds, Rounds& out) {
  for (int i = -1; i < rounds; ++i) {
    // Who is first changes, as the second finds a warmer machine.
    const bool divided_first = i % 2 == 0;
    const Round first = Load(forms, divided_first, host);
    const Round second = Load(forms, !divided_first, host);
    if (i < 0) continue;
    const Round& ours = divided_first ? first : second;
    const Round& theirs = divided_first ? second : first;
    out.time.divided.push_back(ours.us);
    out.time.whole.push_back(theirs.us);
    out.cpu.divided.push_back(ours.cpu_us);
    out.cpu.whole.push_back(theirs.cpu_us);
    out.multiples.push_back(ours.us / theirs.us);
  }
}

}  // namespace

void RequestsDivided(const Programs& programs, int n, int rounds, Figures& figures) {
  const int backend = StartBackend("backend");
  Rounds routed, answered;
  for (int i = 0; i < kEnvoys; ++i) {
    const BothForms forms(programs, n, backend);
    // Hosts from all over the table.
    Compare(forms, [n](int i) { return World::Host(i % n); }, rounds, routed);
    Compare(forms, [](int) { return "direct.example.com"; }, rounds, answered);
  }
  AddPair("divided: a request", n, "us", routed.time, 0, "", figures);
  figures.AddSamples("  beside the whole one's in the same round", n, "x", routed.multiples, {}, 1 / 0.97,
                     "0.97 of the requests a second");
  AddPair("  CPU of Envoy for each", n, "us CPU", routed.cpu, 0, "", figures);
  AddPair("divided: a request that Envoy answers", n, "us", answered.time, 0, "", figures);
  AddPair("  CPU of Envoy for each", n, "us CPU", answered.cpu, 0, "", figures);
}

}  // namespace k8sgw::bench
