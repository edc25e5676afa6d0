// k8sgw_bench: speed and size of K8sGateway against floors that run beside it.

#include <CLI/CLI.hpp>
#include <filesystem>

#include "benchmarks/cases.h"

int main(int argc, char** argv) {
  using namespace k8sgw::bench;
  Programs programs;
  std::string json;
  std::string only;
  int divide = 1;
  CLI::App app(
      "Measures K8sGateway with the real Envoy. Each figure stands beside its floor, measured in the same run.");
  app.add_option("--gateway", programs.gateway, "The k8sgateway binary")->required()->check(CLI::ExistingFile);
  app.add_option("--envoy", programs.envoy, "The Envoy binary")->required()->check(CLI::ExistingFile);
  app.add_option("--json", json, "Write the figures to this file");
  app.add_option("--only", only, "edit, upstream, cold, start or memory");
  app.add_option("--divide-samples", divide, "Fewer samples, for a quick look")->check(CLI::Range(1, 100));
  CLI11_PARSE(app, argc, argv);

  Figures figures;
  const auto wanted = [&](const std::string& name) { return only.empty() || only == name; };
  if (wanted("start")) ColdStart(programs, "start of an empty machine", 1, 2.5, std::max(3, 21 / divide), figures);
  if (wanted("edit")) {
    EditVirtualService(programs, 100, std::max(5, 60 / divide), figures);
    EditVirtualService(programs, 1'000, std::max(5, 60 / divide), figures);
    EditVirtualService(programs, 10'000, std::max(5, 30 / divide), figures);
  }
  if (wanted("upstream")) EditUpstream(programs, 10'000, std::max(5, 60 / divide), figures);
  if (wanted("cold")) ColdStart(programs, "cold start", 10'000, 1.5, std::max(1, 3 / divide), figures);
  if (wanted("memory")) Memory(programs, 5'000, figures);
  if (!json.empty() && !figures.Write(json)) {
    std::cerr << "cannot write " << json << "\n";
    return 1;
  }
  return 0;
}
