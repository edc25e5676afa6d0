// The two sides of a comparison, each with an Envoy of its own: K8sGateway, and the floor.
#pragma once

#include <memory>
#include <string>

#include "benchmarks/child.h"
#include "benchmarks/figures.h"
#include "benchmarks/floor.h"
#include "benchmarks/http.h"
#include "benchmarks/world.h"

namespace k8sgw::bench {

struct Programs {
  std::string gateway;
  std::string envoy;
};

// Flags of `run`: the route table as the floor has it.
inline const std::vector<std::string> kWhole = {"--route-shards", "off"};

// `run` of a world's folder: control plane and Envoy.
class GatewaySide {
 public:
  // `flags` are more of `run`.
  GatewaySide(const Programs& programs, const World& world, const std::vector<std::string>& flags = {});
  // Of the control plane alone, and of its Envoy.
  const Child& process() const { return process_; }
  Process envoy() const { return process_.FirstChild(); }
  // Whether its Envoy looks for routes in parts of a table.
  bool HasParts() const;
  // Whether it has the whole table of the listener on this port.
  bool HasTable(int port) const;

 private:
  int admin_port_;
  Child process_;
};

// An Envoy alone with a bootstrap file of this content.
class EnvoySide {
 public:
  EnvoySide(const Programs& programs, const std::string& bootstrap, const std::string& extension);
  ~EnvoySide();

 private:
  std::string file_;
  std::unique_ptr<Child> process_;
};

// Everything that the proxy of a world's folder is served, translated here and now.
Snapshot SnapshotOf(const World& world);

// Sends requests until the answer holds `expected`; returns the time since `begin` in milliseconds. Ends the process
// when it does not come within a minute.
double WaitForAnswer(Client& client, const std::string& host, const std::string& expected, Clock::time_point begin,
                     std::chrono::microseconds pause);

}  // namespace k8sgw::bench
