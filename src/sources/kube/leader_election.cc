#include "src/sources/kube/leader_election.h"

#include <utility>

#include "src/base/text.h"

namespace k8sgw::kube {

LeaderElection::LeaderElection(Loop& loop, Writer& writer, LeaseOptions options, RandomFraction random,
                               std::function<void(bool leading)> on_change, Refusals::Tell tell)
    : loop_(loop),
      writer_(writer),
      elector_(options, std::move(random)),
      on_change_(std::move(on_change)),
      name_(Cat("the Lease ", options.ns, "/", options.name)),
      refusals_(std::move(tell)) {
  Apply(elector_.Start(Now()));
}

LeaderElection::~LeaderElection() {
  *alive_ = false;
  if (timer_) loop_.Cancel(*timer_);
}

void LeaderElection::Release(std::function<void()> done) {
  on_released_ = std::move(done);
  Apply(elector_.Release(Now()));
}

void LeaderElection::Apply(std::optional<WriteRequest> request) {
  if (request) {
    writer_.Send(*std::move(request), [this, alive = alive_](const WriteResult& result) {
      if (!*alive) return;
      refusals_.Note(name_, "get, create and update for it; nobody leads until then", result);
      Apply(elector_.OnResult(Now(), result));
    });
  }
  if (timer_) loop_.Cancel(*timer_);
  timer_.reset();
  if (const auto deadline = elector_.deadline()) {
    timer_ = loop_.At(*deadline, [this] {
      timer_.reset();
      Apply(elector_.OnTimer(Now()));
    });
  }
  const bool leading = IsLeader();
  if (leading != std::exchange(told_, leading)) on_change_(leading);
  if (elector_.done() && on_released_) std::exchange(on_released_, nullptr)();
}

}  // namespace k8sgw::kube
