// Envoys of all sorts, and the xDS engine that a control plane serves them with, on one virtual clock and from one
// seed.
//
// What the Envoys are sent is checked all the time. Control planes come and go; their Envoys stay.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/pipeline/pipeline.h"
#include "tests/simulation/clock.h"
#include "tests/simulation/fake_envoy.h"
#include "tests/simulation/random.h"

namespace k8sgw::sim {

inline constexpr char kProxyRole[] = "gloo-system~gateway-proxy";

struct Result {
  // What went against the promises of src/xds/engine.h and of the pipeline; empty when all is well.
  std::vector<std::string> complaints;
  // Of everything that was sent: equal seeds have equal traces.
  uint64_t trace = 0;
  int64_t responses = 0;
  int64_t nacks = 0;
};

// What Envoys need of a control plane. As in production, it is called a little after the engine has said so, never from
// within the engine.
class Configurer {
 public:
  virtual ~Configurer() = default;
  virtual Pipeline& pipeline() = 0;
  virtual void OnNack(const xds::Nack& nack) = 0;
  // Some Envoy of the role has the module. Returns what that changes.
  virtual std::map<std::string, xds::Update> UseModule(const std::string& role) = 0;
};

class Fleet {
 public:
  Fleet(uint64_t seed, bool verbose);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  Clock& clock() { return clock_; }
  Random& random() { return random_; }
  const std::vector<std::unique_ptr<FakeEnvoy>>& envoys() const { return envoys_; }

  // Envoys can connect from now on; `configurer` stays until StopServing.
  void Serve(Configurer& configurer);
  void StopServing();
  void Send(const std::map<std::string, xds::Update>& updates);

  // The next event, and what the engine has to do by then; false when there is none.
  bool Step();
  // No more faults of Envoys from here on.
  void Calm();
  // Every Envoy has what its role is to have.
  void CheckHolds();

  void Complain(std::string what);
  // Printed, when somebody wants to read it.
  void Say(const std::string& what) const;
  bool verbose() const { return verbose_; }
  void Trace(const std::string& what);
  // So far.
  Result result() const;

 private:
  xds::EngineOptions Options(Configurer& configurer);
  // What this Envoy is to have.
  Snapshot Seen(const EnvoyTraits& traits) const;
  int64_t NowMs() const;

  const bool verbose_;
  Clock clock_;
  Random random_;
  Configurer* configurer_ = nullptr;
  // Each control plane has one; of ended ones nothing is heard any more.
  std::shared_ptr<xds::Engine> engine_;
  std::vector<std::unique_ptr<FakeEnvoy>> envoys_;
  std::optional<Clock::Time> tick_at_;
  Result result_;
};

}  // namespace k8sgw::sim
