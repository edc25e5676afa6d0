// Who of several replicas writes: the one that holds a Lease, or each of them when nobody elects.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "src/cmd/commands.h"
#include "src/sources/kube/leader_election.h"

namespace k8sgw {

// The flags, and the variables DISABLE_LEADER_ELECTION and LEADER_ELECTION_*, as published.
void AddLeaderFlags(CLI::App& command, LeaderOptions& leader);
// To be called when all flags are read: throws a CLI::ValidationError when the times do not fit.
void CheckLeaderFlags(const LeaderOptions& leader);

class Leadership {
 public:
  // Loop and writer outlive it.
  Leadership(kube::Loop& loop, kube::Writer& writer, LeaderOptions options, std::string ns, std::string lease);

  // `on_change` is told on the loop's thread whether we lead, when that is another.
  void Begin(kube::RandomFraction random, std::function<void(bool leading)> on_change);
  // Another one for each process; begins with the name of the pod.
  const std::string& identity() const { return identity_; }
  bool begun() const { return begun_; }
  bool IsLeader() const { return begun_ && (options_.disabled ? !released_ : election_->IsLeader()); }
  // After Begin. `done` is called when another one may lead, or when that could not be told.
  void Release(std::function<void()> done);

 private:
  kube::Loop& loop_;
  kube::Writer& writer_;
  const LeaderOptions options_;
  const std::string ns_;
  const std::string lease_;
  const std::string identity_;
  bool begun_ = false;
  // Where nobody elects:
  std::function<void(bool)> on_change_;
  bool released_ = false;
  std::optional<kube::LeaderElection> election_;
};

}  // namespace k8sgw
