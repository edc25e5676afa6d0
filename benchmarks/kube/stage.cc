#include <fmt/core.h>

#include <filesystem>
#include <thread>

#include "benchmarks/kube/cases.h"
#include "benchmarks/kube/objects.h"

namespace k8sgw::bench {
namespace {

// At rest: less CPU than this in such a time.
constexpr std::chrono::milliseconds kQuiet(500);
constexpr double kQuietMs = 5;
constexpr std::chrono::minutes kLongestSettling(5);

}  // namespace

std::string ProxyRole() { return std::string(kSystemNamespace) + "~gateway-proxy"; }

KubeStage::KubeStage(const Programs& programs, const std::string& kubeconfig, int divide)
    : programs_(programs),
      kubeconfig_(kubeconfig),
      divide_(divide),
      api_(kubeconfig),
      http_port_(FreePort()),
      backend_port_(StartBackend("backend")) {
  CreateAllNamespaces();
  // Where tests/cluster keeps the certificates of its cluster.
  const std::string pki = (std::filesystem::path(kubeconfig).parent_path() / "pki").string();
  api_.Send(CreateSettings(pki + "/apiserver.crt", pki + "/apiserver.key"));
  api_.Send(CreateGateway(http_port_));
}

void KubeStage::CreateAllNamespaces() {
  std::vector<kube::WriteRequest> namespaces{CreateNamespace(kSystemNamespace)};
  for (int i = 0; i < kNamespaces; ++i) namespaces.push_back(CreateNamespace(NamespaceOf(i)));
  api_.SendAll(std::move(namespaces));
}

void KubeStage::Fill(int n) {
  std::vector<kube::WriteRequest> requests;
  for (; filled_ < n; ++filled_) {
    requests.push_back(CreateUpstream(filled_, backend_port_));
    requests.push_back(CreateVirtualService(filled_, filled_, "v0"));
  }
  api_.SendAll(std::move(requests));
}

void KubeStage::Empty() {
  std::vector<kube::WriteRequest> requests;
  for (int i = 0; i < kNamespaces; ++i) {
    const std::string ns = NamespaceOf(i);
    for (const kube::Resource& resource : {VirtualServices(ns), Upstreams(ns), RouteTables(ns)}) {
      requests.push_back(
          {.method = "DELETE", .target = kube::CollectionPath(resource), .content_type = "", .body = ""});
    }
  }
  api_.SendAll(std::move(requests), 4);
  filled_ = 0;
}

void KubeStage::Settle() {
  const auto deadline = Clock::now() + kLongestSettling;
  for (double before = -1, now = 0; Clock::now() < deadline; before = now) {
    std::this_thread::sleep_for(kQuiet);
    now = ControlPlane().CpuMs();
    if (before >= 0 && now - before < kQuietMs) return;
  }
  fmt::print(stderr, "the control plane did not come to rest\n");
}

Child& KubeStage::ControlPlane() {
  if (!control_plane_) {
    const auto log = std::filesystem::temp_directory_path() / "k8sgateway-bench-gloo.log";
    control_plane_ = std::make_unique<Child>(
        std::vector<std::string>{programs_.gateway, "gloo", "--kubeconfig", kubeconfig_, "--namespace",
                                 kSystemNamespace, "--health-bind", "", "--admin-bind", ""},
        log.string());
  }
  return *control_plane_;
}

}  // namespace k8sgw::bench
