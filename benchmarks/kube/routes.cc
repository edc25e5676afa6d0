// Routes that are created one after another, until each answers through a real Envoy.

#include <fmt/core.h>
#include <signal.h>

#include <memory>
#include <thread>

#include "benchmarks/kube/cases.h"
#include "benchmarks/kube/objects.h"
#include "envoy/config/route/v3/route.proto.h"
#include "envoy/config/route/v3/route_components.proto.h"

namespace k8sgw::bench {
namespace {

using namespace std::chrono_literals;

// So long after a change of another object nobody works on it any more.
constexpr auto kRest = 20ms;

// How long a request for the host was answered with 404 before 200; every other answer is counted.
double Probe(Client& client, const std::string& host, Clock::time_point begin, int& others) {
  for (int tries = 0;; ++tries) {
    const std::string answer = client.Get(host);
    if (answer.starts_with("HTTP/1.1 200")) return Ms(Clock::now() - begin);
    if (!answer.starts_with("HTTP/1.1 404")) ++others;
    if (Clock::now() - begin > 60s) {
      fmt::print(stderr, "{} was not answered with 200 within a minute, but with {}\n", host, answer.substr(0, 40));
      std::exit(1);
    }
    std::this_thread::sleep_for(500us);
  }
}

// The floor: a bare watch, and a table that is ready as bytes before the clock starts.
class BareRoutes {
 public:
  BareRoutes(KubeStage& stage, const World& world)
      : snapshot_(SnapshotOf(world)), server_(snapshot_), trigger_(stage.kubeconfig(), RouteTables("")) {
    const auto& resource = snapshot_.at(xds::Type::kRoute).begin()->second;
    name_ = resource->name;
    std::string bytes;
    for (const auto& piece : resource->body) bytes += *piece;
    table_.ParseFromString(bytes);
    template_ = table_.virtual_hosts(0);
  }
  int port() const { return server_.port(); }

  // The event about RouteTable i brings host i to life.
  void Prepare(int i) {
    auto& host = *table_.add_virtual_hosts();
    host = template_;
    host.set_name(fmt::format("host{}", i));
    host.clear_domains();
    host.add_domains(HostOf(i));
    auto resource = std::make_shared<xds::Resource>();
    resource->type = xds::Type::kRoute;
    resource->name = name_;
    resource->version = std::to_string(i);
    resource->body.push_back(std::make_shared<const std::string>(table_.SerializeAsString()));
    resource->size = resource->body[0]->size();
    trigger_.Await(fmt::format(R"("name":"rt{}")", i),
                   [this, prepared = server_.Prepare(resource)] { server_.Push(prepared); });
  }

 private:
  const Snapshot snapshot_;
  FloorServer server_;
  std::string name_;
  ::envoy::config::route::v3::RouteConfiguration table_;
  ::envoy::config::route::v3::VirtualHost template_;
  Trigger trigger_;
};

}  // namespace

void RouteByRoute(KubeStage& stage, int n, Figures& figures) {
  stage.Empty();
  stage.Fill(1);
  const int floor_port = FreePort();
  const World world({.virtual_services = 1, .http_port = floor_port, .backend_port = stage.backend_port()});
  BareRoutes bare(stage, world);
  const EnvoySide floor_envoy(stage.programs(), DynamicBootstrap(bare.port(), FreePort(), "floor"), "floor.json");
  const Child& process = stage.ControlPlane();
  const EnvoySide envoy(stage.programs(), DynamicBootstrap(kXdsPort, FreePort(), ProxyRole()), "json");
  Client client(stage.http_port());
  Client floor_client(floor_port);
  WaitForAnswer(client, HostOf(0), "HTTP/1.1 200", Clock::now(), 1ms);
  WaitForAnswer(floor_client, HostOf(0), "HTTP/1.1 200", Clock::now(), 1ms);

  std::vector<double> ours, floor;
  int others = 0;
  int floor_others = 0;
  for (int i = 1; i <= n; ++i) {
    bare.Prepare(i);
    // The control plane is stopped meanwhile, so that it takes nothing from the watch, and then reads what it missed.
    kill(process.pid(), SIGSTOP);
    auto begin = Clock::now();
    stage.api().Begin(CreateRouteTable(i));
    floor.push_back(Probe(floor_client, HostOf(i), begin, floor_others));
    kill(process.pid(), SIGCONT);
    std::this_thread::sleep_for(kRest);
    begin = Clock::now();
    stage.api().Begin(CreateVirtualService(i, 0, "v0"));
    ours.push_back(Probe(client, HostOf(i), begin, others));
  }
  if (floor_others > 0) {
    fmt::print(stderr, "the floor answered {} requests with neither 404 nor 200\n", floor_others);
    std::exit(1);
  }
  const double base = Quantile(floor, 0.5);
  figures.Add({.name = "route by route, 404 to 200",
               .size = n,
               .unit = "ms",
               .ours = Quantile(ours, 0.5),
               .floor = base,
               .bound = base + 15,
               .promise = "the floor + 15 ms",
               .ours_p90 = Quantile(ours, 0.9),
               .floor_p90 = Quantile(floor, 0.9),
               .samples = n});
  figures.Add({.name = "  answers but 404 and 200",
               .size = n,
               .unit = "answers",
               .ours = static_cast<double>(others),
               .bound = 0.5,
               .promise = "none",
               .samples = n});
  stage.StopControlPlane();
  stage.Empty();
}

}  // namespace k8sgw::bench
