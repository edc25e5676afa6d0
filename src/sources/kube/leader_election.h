// A LeaderElector that is bound to a Writer and a clock.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "src/sources/kube/lease.h"
#include "src/sources/kube/loop.h"
#include "src/sources/kube/refusals.h"

namespace k8sgw::kube {

class LeaderElection {
 public:
  // Begins at once. `on_change` is told on the loop's thread whether we lead, when that is another; `tell`, when we
  // lack the right to the Lease.
  LeaderElection(Loop& loop, Writer& writer, LeaseOptions options, RandomFraction random,
                 std::function<void(bool leading)> on_change, Refusals::Tell tell);
  ~LeaderElection();
  LeaderElection(const LeaderElection&) = delete;
  LeaderElection& operator=(const LeaderElection&) = delete;

  bool IsLeader() const { return elector_.IsLeader(Loop::Now()); }
  const LeaderElector& elector() const { return elector_; }
  // Lets go; `done` is called when the server knows, or when it could not be told.
  void Release(std::function<void()> done);

 private:
  static LeaderElector::Now Now() { return {Loop::Now(), std::chrono::system_clock::now()}; }
  void Apply(std::optional<WriteRequest> request);

  Loop& loop_;
  Writer& writer_;
  LeaderElector elector_;
  const std::function<void(bool)> on_change_;
  const std::string name_;
  Refusals refusals_;
  std::function<void()> on_released_;
  std::optional<Loop::TimerId> timer_;
  bool told_ = false;
  // What is running does not reach us when we are gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace k8sgw::kube
