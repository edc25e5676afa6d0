// One client; one dimension grows.

#include <fmt/core.h>

#include <filesystem>
#include <fstream>

#include "benchmarks/scale/cases.h"
#include "benchmarks/scale/side.h"

namespace k8sgw::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kPort = 18'080;
constexpr int kSliceSize = 100;
constexpr int kFirstResponses = 5;

// All files below a folder, read and forgotten: what a start cannot do without.
double ReadAllMs(const std::string& folder) {
  const auto begin = Clock::now();
  size_t size = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    size += std::string(std::istreambuf_iterator<char>(in), {}).size();
  }
  return size > 0 ? Ms(Clock::now() - begin) : 0;
}

Edit EditOfVirtualService(const World& world) {
  return {.type = xds::Type::kRoute,
          .write = [&world](int number) { world.EditVirtualService(world.probe(), number); },
          .mark = [](int number) { return std::to_string(number); }};
}

void AddPush(const std::string& name, int n, const PushSamples& samples, Figures& figures) {
  const double base = Quantile(samples.floor, 0.5);
  figures.Add({.name = name,
               .size = n,
               .unit = "ms",
               .ours = Quantile(samples.ours, 0.5),
               .floor = base,
               .ours_p90 = Quantile(samples.ours, 0.9),
               .floor_p90 = Quantile(samples.floor, 0.9),
               .samples = static_cast<int>(samples.ours.size())});
  figures.Add({.name = "  CPU of the server",
               .size = n,
               .unit = "ms CPU",
               .ours = Quantile(samples.ours_cpu, 0.5),
               .floor = Quantile(samples.floor_cpu, 0.5),
               .ours_p90 = Quantile(samples.ours_cpu, 0.9),
               .floor_p90 = Quantile(samples.floor_cpu, 0.9),
               .samples = static_cast<int>(samples.ours.size())});
}

void AddSizes(const Sides& sides, int n, Figures& figures) {
  figures.Add({.name = "  bytes of the push",
               .size = n,
               .unit = "KiB",
               .ours = static_cast<double>(sides.push_bytes()) / 1024});
  figures.Add({.name = "  memory",
               .size = n,
               .unit = "MiB",
               .ours = sides.alone_mib(),
               .floor = sides.floor_alone_mib(),
               .ours_p90 = sides.ours().PeakRssMiB(),
               .floor_p90 = sides.floor().PeakRssMiB()});
}

std::string SliceText(int slice, int endpoints, const std::string& first) {
  std::string text = fmt::format(
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
      "metadata: {{name: svc-{}, namespace: default, labels: {{kubernetes.io/service-name: svc}}}}\n"
      "addressType: IPv4\nports: [{{name: http, port: 8080, protocol: TCP}}]\nendpoints:\n",
      slice);
  for (int e = 0; e < endpoints; ++e) {
    const int number = slice * kSliceSize + e;
    const std::string address =
        e == 0 && !first.empty() ? first : fmt::format("10.{}.{}.1", number / 250, number % 250);
    text += fmt::format("- {{addresses: [{}], conditions: {{ready: true}}}}\n", address);
  }
  return text;
}

std::string AddressOfEdit(int number) { return fmt::format("192.{}.{}.7", number / 200 % 200, number % 200); }

}  // namespace

void CurveOfVirtualServices(const Programs& programs, int n, int samples, Figures& figures) {
  const World world({.virtual_services = n, .upstreams = n, .http_port = kPort, .backend_port = 9});
  const double read_ms = ReadAllMs(world.folder());
  Sides sides(programs, world, 1, ProxySubscriptions(world, {}), EditOfVirtualService(world));
  AddPush("VirtualServices: change to push", n, sides.Alternate(samples), figures);
  AddSizes(sides, n, figures);
  std::vector<double> ours, floor;
  for (int i = 0; i < kFirstResponses; ++i) {
    floor.push_back(sides.FirstResponse(true));
    ours.push_back(sides.FirstResponse(false));
  }
  figures.Add({.name = "  first response",
               .size = n,
               .unit = "ms",
               .ours = Quantile(ours, 0.5),
               .floor = Quantile(floor, 0.5),
               .ours_p90 = Quantile(ours, 0.9),
               .floor_p90 = Quantile(floor, 0.9),
               .samples = kFirstResponses});
  figures.Add({.name = "  start, beside reading the files",
               .size = n,
               .unit = "ms",
               .ours = sides.start_ms(),
               .floor = read_ms});
}

void CurveOfRoutes(const Programs& programs, int n, int samples, Figures& figures) {
  const World world({.http_port = kPort, .routes = n, .backend_port = 9});
  Sides sides(programs, world, 1, ProxySubscriptions(world, {}), EditOfVirtualService(world));
  AddPush("routes of one VirtualService: change to push", n, sides.Alternate(samples), figures);
  AddSizes(sides, n, figures);
}

void CurveOfGateways(const Programs& programs, int n, int samples, Figures& figures) {
  const World world(
      {.virtual_services = 1'000, .upstreams = 1'000, .http_port = kPort, .gateways = n, .backend_port = 9});
  Sides sides(programs, world, 1, ProxySubscriptions(world, {}), EditOfVirtualService(world));
  AddPush("Gateways with 1,000 VirtualServices: change to push", n, sides.Alternate(samples), figures);
  AddSizes(sides, n, figures);
}

void CurveOfEndpoints(const Programs& programs, int n, int samples, Figures& figures) {
  const World world({.http_port = kPort, .backend_port = 9});
  world.Write("svc/svc.yaml",
              "apiVersion: v1\nkind: Service\nmetadata: {name: svc, namespace: default}\n"
              "spec: {ports: [{name: http, port: 80, targetPort: 8080}]}\n---\n"
              "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: svc, namespace: default}\n"
              "spec: {kube: {serviceName: svc, serviceNamespace: default, servicePort: 80}}\n");
  for (int slice = 0; slice * kSliceSize < n; ++slice) {
    world.Write(fmt::format("svc/slice-{}.yaml", slice), SliceText(slice, kSliceSize, ""));
  }
  const Edit edit{
      .type = xds::Type::kEndpoint,
      .write =
          [&world](int number) { world.Write("svc/slice-0.yaml", SliceText(0, kSliceSize, AddressOfEdit(number))); },
      .mark = AddressOfEdit};
  Sides sides(programs, world, 1, ProxySubscriptions(world, {"svc_default"}), edit);
  AddPush("endpoints of one Service: change to push", n, sides.Alternate(samples), figures);
  AddSizes(sides, n, figures);
}

}  // namespace k8sgw::bench
