// Leader election by a Lease: a state machine without input, output or clock. It behaves as the candidates do that are
// built on client-go, so both may stand for the same Lease.
//
// - A Lease that another one holds is taken when it has not changed for its duration, as our own clock sees it: what
//   the clocks of others say does not count.
// - A leader that has not renewed for `renew_deadline` is none any more, before anybody else may be one. It goes on as
// a
//   candidate.
// - Writes name the version that they change, so of two candidates one wins.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "src/sources/kube/backoff.h"
#include "src/sources/kube/lease_record.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::kube {

struct LeaseOptions {
  std::string ns;
  std::string name;
  // Another one for each process, such as the pod's name and something random.
  std::string identity;
  std::chrono::milliseconds duration{15'000};
  std::chrono::milliseconds renew_deadline{10'000};
  std::chrono::milliseconds retry_period{2'000};
};

// Whether the times fit: duration > renew_deadline > 1.2 × retry_period > 0, and the names are there.
absl::Status CheckLeaseOptions(const LeaseOptions& options);

class LeaderElector {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using WallTime = std::chrono::system_clock::time_point;

  // `wall` is only written into the Lease.
  struct Now {
    Time time;
    WallTime wall;
  };

  LeaderElector(LeaseOptions options, RandomFraction random);

  // Each call may ask for one request, whose result is then to be told before another is asked for.
  std::optional<WriteRequest> Start(Now now);
  std::optional<WriteRequest> OnResult(Now now, const WriteResult& result);
  std::optional<WriteRequest> OnTimer(Now now);
  // Lets go of the Lease, if it is ours, so that another one need not wait; then it is done.
  std::optional<WriteRequest> Release(Now now);

  // When OnTimer must be called.
  std::optional<Time> deadline() const;
  // To be asked before each write that only a leader may do.
  bool IsLeader(Time now) const { return leading_ && now < renewed_ + options_.renew_deadline; }
  // Released, or never ours: nothing more will be asked for.
  bool done() const { return state_ == State::kDone; }
  // Who holds it, as far as is known.
  const std::string& holder() const { return observed_.record.holder; }

 private:
  enum class State { kIdle, kWaiting, kReading, kCreating, kUpdating, kReleasing, kDone };

  std::optional<WriteRequest> Try(Now now);
  std::optional<WriteRequest> Read(Now now);
  std::optional<WriteRequest> Update(Now now);
  std::optional<WriteRequest> SendRelease(Now now);
  std::optional<WriteRequest> Wait(Now now);
  std::optional<WriteRequest> TakeRead(Now now, const WriteResult& result);
  std::optional<WriteRequest> TakeWrite(Now now, const WriteResult& result);
  WriteRequest Send(Now now, State state, WriteRequest request);
  bool Observe(Now now, const std::string& body);
  bool IsOurs() const { return observed_.record.holder == options_.identity; }
  bool IsValid(Time now) const { return now < observed_at_ + std::chrono::seconds(observed_.record.duration_seconds); }
  Target LeaseTarget() const;

  const LeaseOptions options_;
  const RandomFraction random_;
  State state_ = State::kIdle;
  Time next_try_{};
  Time asked_at_{};
  bool known_ = false;  // observed_ is what the server had
  Lease observed_;
  Time observed_at_{};
  bool leading_ = false;
  Time renewed_{};
  bool releasing_ = false;
};

}  // namespace k8sgw::kube
