#include "src/sources/kube/lease.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"

namespace k8sgw::kube {
namespace {

// How much longer than the retry period a candidate may wait, so that they spread.
constexpr double kJitter = 1.2;

}  // namespace

absl::Status CheckLeaseOptions(const LeaseOptions& options) {
  if (options.ns.empty() || options.name.empty() || options.identity.empty())
    return absl::InvalidArgumentError("a lease needs a namespace, a name and an identity");
  if (options.duration <= options.renew_deadline)
    return absl::InvalidArgumentError("the lease duration must be longer than the renew deadline");
  if (options.renew_deadline <= options.retry_period * kJitter)
    return absl::InvalidArgumentError("the renew deadline must be longer than 1.2 times the retry period");
  if (options.retry_period <= std::chrono::milliseconds(0) || options.duration < std::chrono::seconds(1))
    return absl::InvalidArgumentError("the times of a lease must be longer than zero, and the duration 1s or more");
  return absl::OkStatus();
}

LeaderElector::LeaderElector(LeaseOptions options, RandomFraction random)
    : options_(std::move(options)), random_(std::move(random)) {}

Target LeaderElector::LeaseTarget() const {
  return {{"coordination.k8s.io", "v1", "leases", options_.ns}, options_.name};
}

std::optional<WriteRequest> LeaderElector::Start(Now now) { return Try(now); }

std::optional<WriteRequest> LeaderElector::OnTimer(Now now) {
  if (!IsLeader(now.time)) leading_ = false;
  if (state_ != State::kWaiting || now.time < next_try_) return std::nullopt;
  return Try(now);
}

std::optional<LeaderElector::Time> LeaderElector::deadline() const {
  std::optional<Time> deadline;
  if (state_ == State::kWaiting) deadline = next_try_;
  if (leading_) deadline = std::min(deadline.value_or(Time::max()), renewed_ + options_.renew_deadline);
  return deadline;
}

// A leader knows what it wrote, so it writes again without reading.
std::optional<WriteRequest> LeaderElector::Try(Now now) {
  return leading_ && known_ && IsOurs() && IsValid(now.time) ? Update(now) : Read(now);
}

WriteRequest LeaderElector::Send(Now now, State state, WriteRequest request) {
  state_ = state;
  asked_at_ = now.time;
  request.timeout = options_.renew_deadline / 2;
  return request;
}

std::optional<WriteRequest> LeaderElector::Read(Now now) {
  return Send(now, State::kReading, ReadObject(LeaseTarget()));
}

std::optional<WriteRequest> LeaderElector::Update(Now now) {
  Lease lease = observed_;
  LeaseRecord& record = lease.record;
  const bool renewal = known_ && IsOurs();
  record.holder = options_.identity;
  record.duration_seconds = std::chrono::duration_cast<std::chrono::seconds>(options_.duration).count();
  record.renew_time = MicroTime(now.wall);
  if (!renewal) {
    record.acquire_time = record.renew_time;
    record.transitions = known_ ? record.transitions + 1 : 0;
  }
  if (known_) return Send(now, State::kUpdating, ReplaceObject(LeaseTarget(), LeaseJson(lease)));
  lease.metadata = NewLeaseMetadata(options_.ns, options_.name);
  return Send(now, State::kCreating, CreateObject(LeaseTarget().resource, LeaseJson(lease)));
}

std::optional<WriteRequest> LeaderElector::Wait(Now now) {
  state_ = State::kWaiting;
  const double factor = leading_ ? 1 : 1 + kJitter * random_();
  next_try_ = now.time + std::chrono::duration_cast<std::chrono::milliseconds>(options_.retry_period * factor);
  return std::nullopt;
}

std::optional<WriteRequest> LeaderElector::OnResult(Now now, const WriteResult& result) {
  if (!IsLeader(now.time)) leading_ = false;
  switch (state_) {
    case State::kReading: return TakeRead(now, result);
    case State::kCreating:
    case State::kUpdating: return TakeWrite(now, result);
    case State::kReleasing: state_ = State::kDone; return std::nullopt;
    default: return std::nullopt;
  }
}

// Whether the text is a Lease. Another record than the one before begins to count from now.
bool LeaderElector::Observe(Now now, const std::string& body) {
  absl::StatusOr<Lease> lease = ParseLease(body);
  if (!lease.ok()) return false;
  if (!known_ || lease->record != observed_.record) observed_at_ = now.time;
  known_ = true;
  observed_ = *std::move(lease);
  if (!IsOurs()) leading_ = false;
  return true;
}

std::optional<WriteRequest> LeaderElector::TakeRead(Now now, const WriteResult& result) {
  const bool missing = absl::IsNotFound(result.status);
  if (missing) {
    known_ = leading_ = false;
    observed_ = Lease();
  }
  const bool readable = result.status.ok() && Observe(now, result.body);
  if (releasing_) return SendRelease(now);
  if (!missing && !readable) return Wait(now);
  const bool held_by_another = known_ && !observed_.record.holder.empty() && !IsOurs() && IsValid(now.time);
  return held_by_another ? Wait(now) : Update(now);
}

std::optional<WriteRequest> LeaderElector::TakeWrite(Now now, const WriteResult& result) {
  const Time asked_at = asked_at_;
  if (result.status.ok() && Observe(now, result.body) && IsOurs()) {
    // What others see came after it was sent, so they wait for longer than we lead.
    renewed_ = asked_at;
    leading_ = now.time < renewed_ + options_.renew_deadline;
    observed_at_ = now.time;
  }
  if (releasing_) return SendRelease(now);
  // Somebody has changed it, or it was deleted: look at once.
  const bool changed = absl::IsAborted(result.status) || absl::IsNotFound(result.status);
  if (changed && state_ == State::kUpdating && leading_) return Read(now);
  return Wait(now);
}

std::optional<WriteRequest> LeaderElector::Release(Now now) {
  releasing_ = true;
  const bool waits_for_result = state_ == State::kReading || state_ == State::kCreating || state_ == State::kUpdating;
  if (waits_for_result || done() || state_ == State::kReleasing) return std::nullopt;
  return SendRelease(now);
}

std::optional<WriteRequest> LeaderElector::SendRelease(Now now) {
  // Also when it is not known whether the last renewal was done: then this one tells by its version.
  const bool ours = known_ && IsOurs();
  leading_ = false;
  state_ = State::kDone;
  if (!ours) return std::nullopt;
  Lease lease = observed_;
  lease.record.holder.clear();
  lease.record.duration_seconds = 1;
  lease.record.acquire_time = lease.record.renew_time = MicroTime(now.wall);
  return Send(now, State::kReleasing, ReplaceObject(LeaseTarget(), LeaseJson(lease)));
}

}  // namespace k8sgw::kube
