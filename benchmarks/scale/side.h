// The two sides of a measurement of size: `gloo` with a world's folder, and the floor with what it serves.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/child.h"
#include "benchmarks/scale/fleet.h"
#include "benchmarks/scale/floor_process.h"
#include "benchmarks/side.h"
#include "benchmarks/world.h"

namespace k8sgw::bench {

// `gloo --dir` of a world's folder, without an Envoy.
class GlooSide {
 public:
  GlooSide(const Programs& programs, const World& world, const std::string& state_dir = "");
  int port() const { return port_; }
  const Child& process() const { return *process_; }

 private:
  int port_;
  std::unique_ptr<Child> process_;
};

// What an Envoy of the world's proxy asks for.
Subscriptions ProxySubscriptions(const World& world, const std::vector<std::string>& endpoints);

// A change that both sides make, and the type of the response that tells of it.
struct Edit {
  xds::Type type = xds::Type::kRoute;
  // Writes files. `number` is new each time, and `mark(number)` stands in the response.
  std::function<void(int number)> write;
  std::function<std::string(int number)> mark;
};

struct PushSamples {
  std::vector<double> ours, floor;          // until the last client has it, in ms
  std::vector<double> ours_cpu, floor_cpu;  // of the server alone, in ms
};

// Both sides with the same clients, which have everything.
class Sides {
 public:
  Sides(const Programs& programs, const World& world, int clients, const Subscriptions& subscriptions,
        const Edit& edit);

  // From the process's start until all clients had everything, in ms.
  double start_ms() const { return start_ms_; }
  // Resident memory before the clients came, and with them, in MiB; ours and the floor's.
  double alone_mib() const { return alone_mib_; }
  double with_clients_mib() const { return ours().RssMiB(); }
  const Child& ours() const { return gloo_.process(); }
  const Child& floor() const { return floor_->process(); }
  double floor_alone_mib() const { return floor_alone_mib_; }
  // Bytes of the first responses, and of one push.
  size_t first_bytes() const { return first_bytes_; }
  size_t push_bytes() const { return push_bytes_; }

  PushSamples Alternate(int samples);
  // All clients leave.
  void EndClients();
  // A new client until it has everything, in ms; ours or the floor's.
  double FirstResponse(bool floor) const;

 private:
  double EditOnce(bool floor, double* cpu);
  void AwaitFirst(Fleet& fleet) const;

  const Edit edit_;
  const Subscriptions subscriptions_;
  GlooSide gloo_;
  int number_ = 1'000'000;
  double start_ms_ = 0;
  double alone_mib_ = 0;
  double floor_alone_mib_ = 0;
  size_t first_bytes_ = 0;
  size_t push_bytes_ = 0;
  std::unique_ptr<FloorProcess> floor_;
  std::unique_ptr<Fleet> our_clients_;
  std::unique_ptr<Fleet> floor_clients_;
};

}  // namespace k8sgw::bench
