// A `run` with a world, a client and its Envoy: one side of a comparison.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/side.h"

namespace k8sgw::bench {

inline const std::vector<std::string> kDivided = {"--route-shards", "auto"};

struct Setup {
  // Waits until all is served. `prepare` writes more files before the start.
  Setup(const Programs& programs, int n, int backend, const std::vector<std::string>& flags,
        const std::function<void(const World&)>& prepare = {});

  const Process& control_plane() const { return gateway->process(); }

  World world;
  std::unique_ptr<GatewaySide> gateway;
  Client client;
  Process envoy{0};
};

// An Envoy with a table of one host that is handed the bytes of each edit at once: what it needs itself, with no file
// to be read and nothing to be translated.
struct BareEnvoy {
  BareEnvoy(const Programs& programs, int backend);

  // In ms, until the first answer of this version, 1 or 2.
  double Edit(int version);

  World world;
  std::unique_ptr<FloorServer> server;
  std::vector<std::shared_ptr<const FloorServer::Prepared>> versions;
  std::unique_ptr<EnvoySide> envoy;
  Client client;
};

// From this many hosts on a table is divided.
inline bool IsDivided(int n) { return n >= 300; }

// Ends the benchmark unless the table of `n` hosts is divided, or whole, as it should be: both sides could be the same.
void RequireForm(const GatewaySide& gateway, const std::vector<std::string>& flags, int n);

// What both sides took, sample by sample.
struct Pair {
  std::vector<double> divided, whole;
};

// The medians and tails of both; a bound of 0 promises nothing.
void AddPair(const std::string& name, int n, const std::string& unit, const Pair& pair, double bound,
             const std::string& promise, Figures& figures);

}  // namespace k8sgw::bench
