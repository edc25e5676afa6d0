#include "benchmarks/scale/side.h"

#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "src/envoy/names.h"

namespace k8sgw::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kWarmUp = 2;
// At rest: less CPU than this in such a time.
constexpr auto kQuiet = 100ms;
constexpr double kQuietMs = 1;
constexpr auto kLongestUnrest = 30s;

void AwaitRest(const Child& process) {
  const auto deadline = Clock::now() + kLongestUnrest;
  for (double before = -kQuietMs; Clock::now() < deadline;) {
    const double now = process.CpuMs();
    if (now - before < kQuietMs) return;
    before = now;
    std::this_thread::sleep_for(kQuiet);
  }
}

}  // namespace

GlooSide::GlooSide(const Programs& programs, const World& world, const std::string& state_dir) : port_(FreePort()) {
  world.Write("gloo-system/default.yaml",
              fmt::format("apiVersion: gloo.solo.io/v1\nkind: Settings\n"
                          "metadata: {{name: default, namespace: gloo-system}}\n"
                          "spec: {{gloo: {{xdsBindAddr: '127.0.0.1:{}', validationBindAddr: '127.0.0.1:{}', "
                          "restXdsBindAddr: '127.0.0.1:0', proxyDebugBindAddr: '127.0.0.1:0'}}}}\n",
                          port_, FreePort()));
  std::vector<std::string> args{programs.gateway, "gloo", "--dir",        world.folder(),
                                "--health-bind",  "",     "--admin-bind", ""};
  if (!state_dir.empty()) args.insert(args.end(), {"--state-dir", state_dir});
  process_ =
      std::make_unique<Child>(args, (std::filesystem::temp_directory_path() / "k8sgateway-bench-gloo.log").string());
}

Subscriptions ProxySubscriptions(const World& world, const std::vector<std::string>& endpoints) {
  Subscriptions out;
  out.role = "gloo-system~gateway-proxy";
  out.types = {{xds::Type::kCluster, {}}, {xds::Type::kListener, {}}};
  if (!endpoints.empty()) out.types.emplace_back(xds::Type::kEndpoint, endpoints);
  out.types.emplace_back(xds::Type::kRoute, world.Tables());
  return out;
}

Sides::Sides(const Programs& programs, const World& world, int clients, const Subscriptions& subscriptions,
             const Edit& edit)
    : edit_(edit), subscriptions_(subscriptions), gloo_(programs, world) {
  const auto begin = Clock::now();
  std::map<xds::Type, std::string> first;
  std::vector<std::string> pushes;
  {
    // A single client tells what the floor is to serve.
    Fleet one(gloo_.port(), 1, subscriptions_);
    AwaitFirst(one);
    start_ms_ = Ms(Clock::now() - begin);
    for (const auto& [type, names] : subscriptions_.types) {
      first[type] = one.Kept(type);
      first_bytes_ += first[type].size();
    }
    for (int i = 0; i < 2; ++i) {
      const size_t had = one.Responses(edit_.type);
      edit_.write(++number_);
      one.Await(edit_.type, had + 1);
      pushes.push_back(one.Kept(edit_.type));
      if (pushes.back().find(edit_.mark(number_)) != std::string::npos) continue;
      fmt::print(stderr, "the response does not tell of the change\n");
      std::exit(1);
    }
    push_bytes_ = pushes.back().size();
  }
  AwaitRest(gloo_.process());
  alone_mib_ = gloo_.process().RssMiB();
  our_clients_ = std::make_unique<Fleet>(gloo_.port(), clients, subscriptions_);
  AwaitFirst(*our_clients_);
  AwaitRest(gloo_.process());
  floor_ = std::make_unique<FloorProcess>(first, pushes);
  floor_alone_mib_ = floor_->process().RssMiB();
  floor_clients_ = std::make_unique<Fleet>(floor_->port(), clients, subscriptions_);
  AwaitFirst(*floor_clients_);
  AwaitRest(floor_->process());
}

void Sides::AwaitFirst(Fleet& fleet) const {
  for (const auto& [type, names] : subscriptions_.types) fleet.Await(type, 1);
}

double Sides::EditOnce(bool floor, double* cpu) {
  Fleet& fleet = floor ? *floor_clients_ : *our_clients_;
  const Child& server = floor ? floor_->process() : gloo_.process();
  const size_t had = fleet.Responses(edit_.type);
  const double cpu_before = server.CpuMs();
  ++number_;
  const auto begin = Clock::now();
  if (floor) {
    floor_->Push(static_cast<size_t>(number_ % 2));
  } else {
    edit_.write(number_);
  }
  const double took = Ms(fleet.Await(edit_.type, had + 1) - begin);
  AwaitRest(server);
  *cpu = server.CpuMs() - cpu_before;
  if (!floor && fleet.Kept(edit_.type).find(edit_.mark(number_)) == std::string::npos) {
    fmt::print(stderr, "the response does not tell of the change\n");
    std::exit(1);
  }
  return took;
}

PushSamples Sides::Alternate(int samples) {
  PushSamples out;
  for (int i = 0; i < samples + kWarmUp; ++i) {
    double floor_cpu = 0, ours_cpu = 0;
    const double floor = EditOnce(true, &floor_cpu);
    const double ours = EditOnce(false, &ours_cpu);
    if (i < kWarmUp) continue;
    out.floor.push_back(floor);
    out.ours.push_back(ours);
    out.floor_cpu.push_back(floor_cpu);
    out.ours_cpu.push_back(ours_cpu);
  }
  return out;
}

void Sides::EndClients() {
  our_clients_.reset();
  floor_clients_.reset();
  AwaitRest(ours());
  AwaitRest(floor());
}

double Sides::FirstResponse(bool floor) const {
  const auto begin = Clock::now();
  Fleet one(floor ? floor_->port() : gloo_.port(), 1, subscriptions_);
  AwaitFirst(one);
  return Ms(Clock::now() - begin);
}

}  // namespace k8sgw::bench
