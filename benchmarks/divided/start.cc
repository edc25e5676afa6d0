#include <thread>

#include "benchmarks/divided/cases.h"
#include "benchmarks/divided/setup.h"

namespace k8sgw::bench {

using namespace std::chrono_literals;

void StartDivided(const Programs& programs, int n, int samples, Figures& figures) {
  const int backend = StartBackend("backend");
  Pair start, memory;
  const auto measure = [&](const std::vector<std::string>& flags, std::vector<double>& ms, std::vector<double>& mib) {
    const World world({.virtual_services = n, .http_port = FreePort(), .backend_port = backend});
    const auto begin = Clock::now();
    const GatewaySide gateway(programs, world, flags);
    Client client(world.http_port());
    ms.push_back(WaitForAnswer(client, World::Host(world.probe()), "HTTP/1.1 200", begin, 1ms));
    RequireForm(gateway, flags, n);
    std::this_thread::sleep_for(2s);
    mib.push_back(gateway.envoy().RssMiB());
  };
  for (int i = 0; i < samples; ++i) {
    measure(kWhole, start.whole, memory.whole);
    measure(kDivided, start.divided, memory.divided);
  }
  AddPair("divided: start", n, "ms", start, 2 * Quantile(start.whole, 0.5), "2 x the whole table's", figures);
  AddPair("  memory of Envoy", n, "MiB", memory, 1.15 * Quantile(memory.whole, 0.5), "1.15 x the whole table's",
          figures);
}

}  // namespace k8sgw::bench
