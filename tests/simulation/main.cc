// k8sgateway-sim: repeats a simulation from its seed.

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "tests/simulation/cluster_simulation.h"
#include "tests/simulation/simulation.h"

int main(int argc, char** argv) {
  uint64_t seed = 1;
  uint64_t count = 1;
  int steps = 120;
  bool verbose = false;
  bool cluster = false;
  CLI::App app("Runs the control plane and fake Envoys on a virtual clock; everything follows from the seed");
  app.add_option("--seed", seed, "The first seed")->capture_default_str();
  app.add_option("--count", count, "How many seeds, one after the other")->capture_default_str();
  app.add_option("--steps", steps, "Changes of files, or of the cluster, in each")->capture_default_str();
  app.add_flag("--cluster", cluster, "From an API server that breaks, and back to it as statuses; else from files");
  app.add_flag("-v,--verbose", verbose, "Print the events");
  CLI11_PARSE(app, argc, argv);
  for (uint64_t end = seed + count; seed < end; ++seed) {
    const k8sgw::sim::Result result =
        cluster ? k8sgw::sim::SimulateCluster(seed, steps, verbose) : k8sgw::sim::Simulate(seed, steps, verbose);
    fmt::print("seed {}: trace {:016x}, {} responses, {} refused\n", seed, result.trace, result.responses,
               result.nacks);
    for (const std::string& complaint : result.complaints) fmt::print("  {}\n", complaint);
    if (!result.complaints.empty()) {
      fmt::print("reproduce with: k8sgateway-sim {}--seed {} --steps {} --verbose\n", cluster ? "--cluster " : "", seed,
                 steps);
      return 1;
    }
  }
}
