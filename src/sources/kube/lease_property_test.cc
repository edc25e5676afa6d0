// Seeded lives of several candidates for one Lease, with a network that delays, loses and repeats nothing in order:
// there is never more than one leader, and soon after the network is well there is one.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>

#include "src/base/text.h"
#include "src/sources/kube/lease.h"

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;
using Time = LeaderElector::Time;

// One Lease at a server that looks at versions.
class LeaseServer {
 public:
  WriteResult Do(const WriteRequest& request) {
    if (request.method == "GET") return text_.empty() ? Error(404) : Ok();
    if (request.method == "POST" && !text_.empty()) return Error(409);
    if (request.method == "PUT" && request.body.find(VersionText()) == std::string::npos) return Error(409);
    Lease lease = *ParseLease(request.body);
    ++version_;
    lease.metadata = Cat(R"({"name":"l",)", VersionText(), "}");
    text_ = LeaseJson(lease);
    return Ok();
  }

 private:
  std::string VersionText() const { return Cat(R"("resourceVersion":")", version_, "\""); }
  WriteResult Ok() const { return {absl::OkStatus(), {}, text_}; }
  static WriteResult Error(int code) {
    ApiStatus status;
    status.code = code;
    return {ToStatus(status), status, ""};
  }

  std::string text_;
  int version_ = 0;
};

class Election {
 public:
  explicit Election(uint64_t seed) : random_(seed) {
    for (int i = 0; i < 3; ++i) Join();
  }

  // True when there was a leader at the end.
  bool Run(milliseconds duration, bool faults) {
    for (const Time end = now_ + duration; now_ < end && !::testing::Test::HasFailure();) {
      if (faults && OneIn(300)) network_ = Below(4);
      if (faults && OneIn(500)) Restart(OneIn(2));
      if (!faults) network_ = 0;
      now_ += milliseconds(1 + Below(100));
      Step();
      Check();
    }
    return leader_ >= 0;
  }
  int changes() const { return changes_; }

 private:
  struct Candidate {
    std::unique_ptr<LeaderElector> elector;
    // Of its request: when it reaches the server, and when its result comes back.
    std::optional<WriteRequest> request;
    Time arrives{};
    std::optional<WriteResult> result;
    Time returns{};
    milliseconds skew{0};
  };

  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }

  void Join() {
    Candidate& candidate = candidates_.emplace_back();
    candidate.elector =
        std::make_unique<LeaderElector>(LeaseOptions{.ns = "n", .name = "l", .identity = Cat("c", ++identities_)},
                                        [this] { return Below(1000) / 1000.; });
    // Wall clocks of no worth.
    candidate.skew = std::chrono::hours(Below(100) - 50);
    Send(candidate, candidate.elector->Start(NowOf(candidate)));
  }
  // A process ends, maybe without releasing, and another takes its place.
  void Restart(bool release) {
    const size_t index = static_cast<size_t>(Below(static_cast<int>(candidates_.size())));
    if (release) {
      // What it sends last may arrive or not.
      const auto last = candidates_[index].elector->Release(NowOf(candidates_[index]));
      if (last && OneIn(2)) server_.Do(*last);
    }
    candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(index));
    Join();
  }
  LeaderElector::Now NowOf(const Candidate& candidate) const {
    return {now_, LeaderElector::WallTime(now_.time_since_epoch()) + std::chrono::hours(1000) + candidate.skew};
  }

  milliseconds Delay() {
    if (network_ == 0) return milliseconds(Below(20));
    return milliseconds(OneIn(3) ? Below(6000) : Below(300));
  }
  void Send(Candidate& candidate, std::optional<WriteRequest> request) {
    if (!request) return;
    candidate.request = std::move(request);
    candidate.arrives = now_ + Delay();
    // Nothing comes back later than the client waits, but a request may be done after that.
    candidate.returns = now_ + candidate.request->timeout;
    candidate.result = WriteResult{absl::DeadlineExceededError("timeout"), {}, ""};
    if (network_ == 3 || (network_ == 2 && OneIn(2))) candidate.arrives = Time::max();
  }
  void Step() {
    for (auto it = late_.begin(); it != late_.end();) {
      if (it->first > now_) {
        ++it;
        continue;
      }
      server_.Do(it->second);
      it = late_.erase(it);
    }
    for (Candidate& candidate : candidates_) {
      if (candidate.request && candidate.arrives <= now_) {
        WriteResult result = server_.Do(*candidate.request);
        candidate.request.reset();
        const Time returns = now_ + Delay();
        // Its answer may be lost, too.
        if (candidate.result && returns < candidate.returns && !(network_ == 2 && OneIn(2))) {
          candidate.returns = returns;
          candidate.result = std::move(result);
        }
      }
      if (candidate.result && candidate.returns <= now_) {
        const WriteResult result = *std::exchange(candidate.result, std::nullopt);
        if (candidate.request && candidate.arrives != Time::max())
          late_.emplace(candidate.arrives, *std::exchange(candidate.request, std::nullopt));
        Send(candidate, candidate.elector->OnResult(NowOf(candidate), result));
      }
      if (candidate.elector->deadline() && *candidate.elector->deadline() <= now_)
        Send(candidate, candidate.elector->OnTimer(NowOf(candidate)));
    }
  }
  void Check() {
    int leaders = 0;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (!candidates_[i].elector->IsLeader(now_)) continue;
      ++leaders;
      changes_ += leader_ != static_cast<int>(i);
      leader_ = static_cast<int>(i);
    }
    if (leaders == 0) leader_ = -1;
    ASSERT_LE(leaders, 1) << "at " << std::chrono::duration_cast<milliseconds>(now_.time_since_epoch()).count();
  }

  std::mt19937_64 random_;
  Time now_{std::chrono::hours(1)};
  LeaseServer server_;
  std::vector<Candidate> candidates_;
  // Requests that nobody waits for any longer, on their way.
  std::multimap<Time, WriteRequest> late_;
  int identities_ = 0;
  int network_ = 0;
  int leader_ = -1;
  int changes_ = 0;
};

TEST(LeasePropertyTest, ThereIsAtMostOneLeader) {
  const char* chosen = std::getenv("LEASE_SEED");
  const uint64_t first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  const uint64_t count = chosen != nullptr ? 1 : 60;
  int changes = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(Cat("LEASE_SEED=", seed, " repeats this life"));
    Election election(seed);
    election.Run(std::chrono::minutes(10), true);
    EXPECT_TRUE(election.Run(std::chrono::seconds(25), false)) << "nobody leads";
    changes += election.changes();
    if (HasFailure()) return;
  }
  if (chosen == nullptr) {
    EXPECT_GT(changes, 300);
  }
}

}  // namespace
}  // namespace k8sgw::kube
