// The benchmarks of a cluster. Each adds its figures; the world of objects grows from one to the next.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "benchmarks/child.h"
#include "benchmarks/figures.h"
#include "benchmarks/kube/ads_client.h"
#include "benchmarks/kube/api.h"
#include "benchmarks/side.h"

namespace k8sgw::bench {

inline constexpr int kXdsPort = 9977;

// What all of them share.
class KubeStage {
 public:
  // `divide` makes fewer samples and shorter times.
  KubeStage(const Programs& programs, const std::string& kubeconfig, int divide);

  Api& api() { return api_; }
  const std::string& kubeconfig() const { return kubeconfig_; }
  const Programs& programs() const { return programs_; }
  int http_port() const { return http_port_; }
  int backend_port() const { return backend_port_; }
  // `count` samples, or fewer when asked so; `least` at least.
  int Samples(int count, int least) const { return std::max(least, count / divide_); }

  // Creates VirtualServices and Upstreams until there are n of each.
  void Fill(int n);
  int filled() const { return filled_; }
  // Deletes all that Fill made.
  void Empty();
  void CreateAllNamespaces();

  // Starts `k8sgateway gloo`, unless it runs; what it prints goes to a file in the temporary folder.
  Child& ControlPlane();
  // Waits until it has written all statuses, and rests.
  void Settle();
  void StopControlPlane() { control_plane_.reset(); }

 private:
  const Programs programs_;
  const std::string kubeconfig_;
  const int divide_;
  Api api_;
  int http_port_;
  int backend_port_;
  int filled_ = 0;
  std::unique_ptr<Child> control_plane_;
};

std::string ProxyRole();

// Creates VirtualServices and Upstreams until there are n of each, 64 at once: what the API server needs for each.
void FillCluster(KubeStage& stage, int n, Figures& figures);
// From the PATCH of one VirtualService of n to its delta response; the floor is a bare watch that sees the same.
void ChangeToPush(KubeStage& stage, int n, int samples, Figures& figures);
// From exec to the first complete snapshot; the floor is a bare list of the same objects.
void StartInCluster(KubeStage& stage, int n, int samples, Figures& figures);
// Routes and workloads that change all the time: CPU and memory.
void Steady(KubeStage& stage, int n, int seconds, Figures& figures);
// Routes that are created one after another, until each answers; the floor is a bare watch that hands prepared bytes to
// an Envoy of its own. Begins and ends with an empty world.
void RouteByRoute(KubeStage& stage, int n, Figures& figures);
// Verdicts of the validating webhook, 50 calls at once.
void WebhookVerdicts(KubeStage& stage, int n, int calls, Figures& figures);
// Many bare clients: what each costs, idle for so long and for a change, and when the last of them has it. The floor is
// a bare watch that has a bare server hand the same bytes to as many clients of its own.
void FleetInCluster(KubeStage& stage, int n, int clients, int samples, std::chrono::seconds idle, Figures& figures);
// Many endpoints, of which some change all the time.
void EndpointChanges(KubeStage& stage, int endpoints, int per_second, int seconds, Figures& figures);

}  // namespace k8sgw::bench
