// k8sgw_bench: speed and size of K8sGateway against floors that run beside it.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <set>
#include <tuple>
#include <vector>

#include "benchmarks/cases.h"
#include "benchmarks/divided/cases.h"
#include "benchmarks/kube/cases.h"
#include "benchmarks/scale/cases.h"
#include "benchmarks/scale/floor_process.h"

namespace k8sgw::bench {
namespace {

// Of a fleet.
constexpr int kClients = 1'000;

// What is asked for; a divisor of 1 is the whole.
struct Choice {
  std::set<std::string> only;
  int divide = 1;
  bool large = false;
  // Of curves; all when empty.
  std::set<int> sizes;

  bool Wants(int size) const { return sizes.empty() || sizes.contains(size); }
  bool Wants(const std::string& name) const { return only.empty() || only.contains(name); }
};

void RunFiles(const Programs& programs, const Choice& choice, Figures& figures) {
  const int divide = choice.divide;
  if (choice.Wants("start")) {
    ColdStart(programs, "start of an empty machine", 1, 2.5, std::max(3, 21 / divide), figures);
  }
  if (choice.Wants("edit")) {
    EditVirtualService(programs, 100, std::max(5, 60 / divide), figures);
    EditVirtualService(programs, 1'000, std::max(5, 60 / divide), figures);
    EditVirtualService(programs, 10'000, std::max(5, 30 / divide), figures);
  }
  if (choice.Wants("divided")) {
    for (const int n : {100, 1'000, 10'000}) {
      if (choice.Wants(n)) EditDivided(programs, n, std::max(5, 40 / divide), figures);
    }
    if (choice.Wants(50'000)) EditDivided(programs, 50'000, std::max(5, 12 / divide), figures);
  }
  if (choice.Wants("wildcard")) EditWildcard(programs, 10'000, std::max(5, 20 / divide), figures);
  if (choice.Wants("requests")) RequestsDivided(programs, 10'000, std::max(2, 12 / divide), figures);
  if (choice.Wants("divided-start")) StartDivided(programs, 10'000, std::max(1, 5 / divide), figures);
  if (choice.Wants("upstream")) EditUpstream(programs, 10'000, std::max(5, 60 / divide), figures);
  if (choice.Wants("cold")) ColdStart(programs, "cold start", 10'000, 1.5, std::max(1, 3 / divide), figures);
  if (choice.Wants("memory")) Memory(programs, 5'000, figures);
}

using Curve = void (*)(const Programs& programs, int n, int samples, Figures& figures);

void RunScale(const Programs& programs, const Choice& choice, Figures& figures) {
  const Curve fleet = [](const Programs& programs, int n, int samples, Figures& figures) {
    FleetOfClients(programs, n, kClients, samples / 2, figures);
  };
  const std::tuple<const char*, Curve, std::vector<int>> all[] = {
      {"fleet", fleet, {1'000, 5'000}},
      {"curve", CurveOfVirtualServices, {1'000, 2'000, 5'000, 10'000, 20'000, 50'000}},
      {"routes", CurveOfRoutes, {1, 1'000, 10'000}},
      {"gateways", CurveOfGateways, {1, 10, 50}},
      {"endpoints", CurveOfEndpoints, {100, 1'000, 5'000, 20'000}},
  };
  for (const auto& [name, curve, sizes] : all) {
    for (const int n : sizes) {
      if (choice.Wants(std::string(name)) && choice.Wants(n))
        curve(programs, n, std::max(6, 20 / choice.divide), figures);
    }
  }
}

void RunCluster(const Programs& programs, const std::string& kubeconfig, const Choice& choice, Figures& figures) {
  KubeStage stage(programs, kubeconfig, choice.divide);
  if (choice.Wants("routes")) RouteByRoute(stage, stage.Samples(3'000, 100), figures);
  if (choice.Wants("push")) {
    for (const int n : {100, 1'000, 5'000}) {
      if (choice.Wants(n)) ChangeToPush(stage, n, stage.Samples(60, 5), figures);
    }
  }
  if (choice.Wants("fleet")) {
    const std::chrono::seconds idle(stage.Samples(60, 5));
    FleetInCluster(stage, std::max(1'000, stage.filled()), kClients, stage.Samples(20, 5), idle, figures);
  }
  if (choice.Wants("cluster-start")) StartInCluster(stage, 5'000, stage.Samples(21, 3), figures);
  if (choice.Wants("webhook")) WebhookVerdicts(stage, 5'000, stage.Samples(5'000, 500), figures);
  if (choice.Wants("steady")) Steady(stage, 5'000, stage.Samples(180, 10), figures);
  if (choice.Wants("endpoints")) EndpointChanges(stage, 20'000, 100, stage.Samples(30, 5), figures);
  // Last, as it fills the cluster for good; and with a control plane that has done nothing else.
  stage.StopControlPlane();
  const std::vector<int> sizes = choice.large ? std::vector{10'000, 20'000, 50'000} : std::vector{20'000};
  for (const int n : sizes) {
    if (!choice.Wants(n)) continue;
    if (choice.Wants("push") || choice.large) FillCluster(stage, n, figures);
    if (choice.Wants("push")) ChangeToPush(stage, n, stage.Samples(30, 5), figures);
    if (choice.Wants("cluster-start") && choice.large) StartInCluster(stage, n, 5, figures);
  }
}

}  // namespace
}  // namespace k8sgw::bench

int main(int argc, char** argv) {
  using namespace k8sgw::bench;
  // Ourselves as the floor of a fleet.
  if (argc == 4 && std::string(argv[1]) == "--serve-floor") return ServeFloor(argv[2], std::stoi(argv[3]));
  Programs programs;
  std::string json;
  std::string kubeconfig;
  Choice choice;
  CLI::App app(
      "Measures K8sGateway with the real Envoy. Each figure stands beside its floor, measured in the same run.");
  app.add_option("--gateway", programs.gateway, "The k8sgateway binary")->required()->check(CLI::ExistingFile);
  app.add_option("--envoy", programs.envoy, "The Envoy binary")->required()->check(CLI::ExistingFile);
  app.add_option("--json", json, "Write the figures to this file");
  app.add_option("--only", choice.only,
                 "edit, divided, wildcard, requests, divided-start, upstream, cold, start or memory; of a cluster "
                 "push, fleet, cluster-start, steady, routes, webhook or "
                 "endpoints; of size fleet, curve, routes, gateways or endpoints; may be given often");
  app.add_option("--divide-samples", choice.divide, "Fewer samples, for a quick look")->check(CLI::Range(1, 100));
  app.add_option("--kubeconfig", kubeconfig,
                 "Measure on this empty cluster, which has our kinds, in place of files. Everything in it may go")
      ->check(CLI::ExistingFile);
  app.add_flag("--large", choice.large,
               "With a cluster: 10,000 and 50,000 VirtualServices, too, and starts with as many");
  bool scale = false;
  app.add_flag("--scale", scale, "Measure how cost grows with size");
  app.add_option("--sizes", choice.sizes, "Where there are several: only these of the sizes");
  CLI11_PARSE(app, argc, argv);

  Figures figures;
  if (scale) {
    RunScale(programs, choice, figures);
  } else if (kubeconfig.empty()) {
    RunFiles(programs, choice, figures);
  } else {
    RunCluster(programs, kubeconfig, choice, figures);
  }
  if (!json.empty() && !figures.Write(json)) {
    std::cerr << "cannot write " << json << "\n";
    return 1;
  }
  return 0;
}
