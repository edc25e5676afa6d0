// What it means when the server refuses a kind, and when its objects are gone.
#include <algorithm>
#include <utility>

#include "src/sources/kube/reflector.h"
#include "src/sources/kube/served.h"

namespace k8sgw::kube {
namespace {

// Where nothing happens, watches are told something once a minute.
constexpr std::chrono::seconds kQuiet(75);

}  // namespace

void Reflector::Absent(Time now, int code, absl::Status error) {
  // What happened in the meantime is not in the history of a kind that comes back.
  StartOver();
  code == 404 ? NoteMissing(now) : missing_.reset();
  if (!refused_since_) refused_since_ = now;
  const auto refused_for = std::chrono::duration_cast<Duration>(now - *refused_since_);
  if (refused_for < options_.absent_after) {
    const auto phase = health_.synced ? Health::Phase::kRetrying : Health::Phase::kConnecting;
    const Duration left = options_.absent_after - refused_for;
    return Wait(now, phase, std::move(error), std::min(backoff_.Next(now), left));
  }
  Wait(now, Health::Phase::kAbsent, std::move(error), backoff_.Jitter(options_.absent_retry));
  if (MayBeGone() && (world_.size() > 0 || !told_) && now >= ask_served_at_)
    Send(now, State::kServed, ServedPath(resource_), "application/json");
}

void Reflector::NoteMissing(Time now) {
  if (!missing_) missing_.emplace(Missing{now, std::nullopt});
  const std::optional<Time> told = history_->told_at();
  const bool others_hear = told >= missing_->since && now - *told <= kQuiet;
  if (!others_hear) {
    missing_->while_others_hear.reset();
  } else if (!missing_->while_others_hear) {
    missing_->while_others_hear = now;
  }
}

bool Reflector::MayBeGone() const {
  if (!IsCustom(resource_) || !missing_ || !missing_->while_others_hear) return false;
  return history_->told_at() >= *missing_->while_others_hear + options_.gone_after;
}

// The server was asked what it serves. How the kind is heard is another question, so nothing of this changes the
// health.
void Reflector::TakeServed(Time now, const absl::Status& status) {
  const std::string body = std::exchange(buffer_, {});
  const State asked = state_;
  if (code_ == 401) fresh_credentials_ = true;
  // See Retry: it may have just started.
  if (!status.ok() || code_ >= 500) missing_.reset();
  if (!status.ok()) return NotGone(now, Duration(0));
  // A group without any kind is not there; but a broken server may say so of all that it is asked.
  if (asked == State::kServed && code_ == 404) return Send(now, State::kGroups, kGroupsPath, "application/json");
  const bool lacks =
      code_ == 200 && (asked == State::kServed ? LacksResource(body, resource_) : LacksVersion(body, resource_));
  if (!lacks) return NotGone(now, retry_after_);
  told_ = true;
  actions_.batches.push_back(world_.Commit());
  Wait(now, Health::Phase::kAbsent, health_.error, backoff_.Jitter(options_.absent_retry));
}

// Nobody knows that the kind is gone; the kind itself is asked for as before.
void Reflector::NotGone(Time now, Duration at_least) {
  ask_served_at_ = now + std::max(served_backoff_.Next(now), at_least);
  Wait(now, Health::Phase::kAbsent, health_.error, backoff_.Jitter(options_.absent_retry));
}

}  // namespace k8sgw::kube
