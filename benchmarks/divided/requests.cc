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
constexpr int kPairs = 6;

struct Round {
  double us = 0;      // of time for each request
  double cpu_us = 0;  // of Envoy for each
};

using HostOf = std::function<std::string(int i)>;

// As many requests as go through in half a second.
Round Load(const Setup& setup, const HostOf& host) {
  std::atomic<int> answers = 0;
  std::atomic<int> other = 0;
  const double cpu = setup.envoy.CpuMs();
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (int connection = 0; connection < kConnections; ++connection) {
    threads.emplace_back([&, connection] {
      Client client(setup.world.http_port());
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
  return {1'000 * ms / answers, 1'000 * (setup.envoy.CpuMs() - cpu) / answers};
}

// Time and CPU for each request, round by round.
struct Rounds {
  Pair time, cpu;
};

void Compare(const Setup& divided, const Setup& whole, const HostOf& host, int rounds, Rounds& out) {
  for (int i = -1; i < rounds; ++i) {
    // Who is first changes, as the second finds a warmer machine.
    const bool divided_first = i % 2 == 0;
    const Round first = Load(divided_first ? divided : whole, host);
    const Round second = Load(divided_first ? whole : divided, host);
    if (i < 0) continue;
    const Round& ours = divided_first ? first : second;
    const Round& theirs = divided_first ? second : first;
    out.time.divided.push_back(ours.us);
    out.time.whole.push_back(theirs.us);
    out.cpu.divided.push_back(ours.cpu_us);
    out.cpu.whole.push_back(theirs.cpu_us);
  }
}

void WriteDirect(const World& world) {
  world.Write("vs/direct.yaml", R"(apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: direct, namespace: default}
spec:
  virtualHost:
    domains: [direct.example.com]
    routes:
    - matchers: [{prefix: /}]
      directResponseAction: {status: 200, body: direct}
)");
}

}  // namespace

void RequestsDivided(const Programs& programs, int n, int rounds, Figures& figures) {
  const int backend = StartBackend("backend");
  Rounds routed, answered;
  // Two Envoys with the same tables differ by some hundredths for as long as they live, as their memory lies
  // differently. So there are several, and who starts first changes.
  for (int pair = 0; pair < kPairs; ++pair) {
    std::unique_ptr<Setup> divided, whole;
    const auto start = [&](bool divide) {
      (divide ? divided : whole) =
          std::make_unique<Setup>(programs, n, backend, divide ? kDivided : kWhole, WriteDirect);
    };
    start(pair % 2 == 0);
    start(pair % 2 != 0);
    // Hosts from all over the table.
    Compare(*divided, *whole, [n](int i) { return World::Host(i % n); }, rounds, routed);
    Compare(*divided, *whole, [](int) { return "direct.example.com"; }, rounds, answered);
  }
  AddPair("divided: a request", n, "us", routed.time, Quantile(routed.time.whole, 0.5) / 0.97,
          "0.97 of the requests a second", figures);
  AddPair("  CPU of Envoy for each", n, "us CPU", routed.cpu, 0, "", figures);
  AddPair("divided: a request that Envoy answers", n, "us", answered.time, 0, "", figures);
  AddPair("  CPU of Envoy for each", n, "us CPU", answered.cpu, 0, "", figures);
}

}  // namespace k8sgw::bench
