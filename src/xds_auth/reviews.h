// Which tokens are known, which are being reviewed, and who waits for that. Pure: it is told what came and when, and
// says what to ask and whom to answer; the caller brings lock, clock and network.
//
// - Many who show the same token at once cost one review.
// - What a review said holds for a while; a refusal for a shorter one.
// - When a review fails, or is not answered, an identity that was confirmed within the grace period stays, without
//   waiting for long; others are told so. Nobody passes unreviewed.
// - A review that has not even begun, since too many wait, proves nothing about the reviewer: whoever floods us would
//   pass for as long as he does. Then only what was confirmed within `unasked_grace` stays.
// - Bounded: tokens known and refused, reviews that run and that begin in a second, and who waits, altogether and from
//   one address.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/ptr.h"
#include "src/sources/kube/call_limit.h"
#include "src/xds/authenticator.h"
#include "src/xds_auth/recent.h"

namespace k8sgw::xds_auth {

struct ReviewOptions {
  // For so long nobody asks again about a token that is good, or is not.
  std::chrono::milliseconds fresh{60'000};
  std::chrono::milliseconds refused_fresh{5'000};
  // For so long after its last review an identity stays while nobody can tell.
  std::chrono::milliseconds grace{3'600'000};
  // The same while nobody has asked: as long as an identity counts anyway on a stream that is open.
  std::chrono::milliseconds unasked_grace{360'000};
  // How long one waits for a review, and how long when there is an identity to fall back to.
  std::chrono::milliseconds wait{5'000};
  std::chrono::milliseconds wait_known{1'000};
  size_t most_running = 16;
  // Of a fleet that comes back all at once nobody waits; who shows one forged token after the other does.
  kube::CallRate rate{50, 1000};
  // Who waits, altogether and from one address.
  size_t most_waiting = 4096;
  size_t most_waiting_of_peer = 64;
  size_t most_known = 8192;
  size_t most_refused = 2048;
};

class Reviews {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Answer = absl::StatusOr<Ptr<xds::Identity>>;
  using Done = std::function<void(const Answer&)>;

  // A review that is to be made now; Finish says what came of it.
  struct Start {
    std::string key;
    std::string token;
  };
  // An answer that is to be given now.
  struct Reply {
    Done done;
    Answer answer;
  };
  // All that is to be done after a call.
  struct Todo {
    std::vector<Start> starts;
    std::vector<Reply> replies;
  };

  explicit Reviews(ReviewOptions options);

  // `key` stands for the token and does not tell it; `peer` is the address of who asks, "" for one of no bound.
  void Ask(const std::string& key, const std::string& token, const std::string& peer, Time now, Done done);
  // Unauthenticated is the reviewer's word about the token; any other error means that it could not be reviewed.
  void Finish(const std::string& key, const Answer& answer, Time now);
  // When Tick must be called at the latest; it may change with every call.
  std::optional<Time> deadline() const;
  void Tick(Time now);
  // From now on nobody waits, nothing is reviewed, and nobody passes.
  void Stop();
  Todo Take() { return std::exchange(todo_, {}); }

  size_t waiting() const { return waiters_.size(); }
  size_t known() const { return known_.size(); }

 private:
  struct Waiter {
    std::string key;
    std::string peer;
    Time asked;
    Time deadline;
    Done done;
  };
  struct Review {
    // "" from its start on.
    std::string token;
    bool running = false;
    std::vector<uint64_t> waiters;
  };

  void Say(Done done, Answer answer) { todo_.replies.push_back({std::move(done), std::move(answer)}); }
  void AnswerWaiter(uint64_t id, const Answer& answer);
  void StartMore(Time now);
  // What to say of a token that could not be reviewed; `grace` is for how long its last review counts.
  Answer WithoutReview(const std::string& key, const absl::Status& why, Time now,
                       std::chrono::milliseconds grace) const;

  const ReviewOptions options_;
  Recent<Ptr<xds::Identity>> known_;
  Recent<absl::Status> refused_;
  std::map<std::string, Review> reviews_;
  // Those that do not run yet, in their order.
  std::deque<std::string> queue_;
  size_t running_ = 0;
  kube::CallLimit limit_;
  std::map<uint64_t, Waiter> waiters_;
  std::set<std::pair<Time, uint64_t>> deadlines_;
  std::map<std::string, size_t> waiting_of_;
  uint64_t last_waiter_ = 0;
  bool stopped_ = false;
  Todo todo_;
};

}  // namespace k8sgw::xds_auth
