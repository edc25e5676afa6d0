#include "src/xds_auth/reviews.h"

#include <algorithm>

#include "src/base/text.h"

namespace k8sgw::xds_auth {
namespace {

absl::Status Later(std::string_view why) {
  return absl::UnavailableError(Cat(why, ": nobody can tell whose token it is; connect again later"));
}

}  // namespace

Reviews::Reviews(ReviewOptions options)
    : options_(options), known_(options.most_known), refused_(options.most_refused), limit_(options.rate) {}

void Reviews::Ask(const std::string& key, const std::string& token, const std::string& peer, Time now, Done done) {
  if (stopped_) return Say(std::move(done), Later("the control plane ends"));
  if (const auto* known = known_.Find(key, now - options_.fresh)) return Say(std::move(done), known->value);
  if (const auto* refused = refused_.Find(key, now - options_.refused_fresh)) {
    return Say(std::move(done), refused->value);
  }
  size_t& of_peer = waiting_of_[peer];
  if (waiters_.size() >= options_.most_waiting || (!peer.empty() && of_peer >= options_.most_waiting_of_peer)) {
    if (of_peer == 0) waiting_of_.erase(peer);
    return Say(std::move(done), WithoutReview(key, Later("too many wait to be known"), now, options_.unasked_grace));
  }
  ++of_peer;
  const bool may_stay = known_.Find(key, now - options_.grace) != nullptr;
  const uint64_t id = ++last_waiter_;
  const Time deadline = now + (may_stay ? options_.wait_known : options_.wait);
  waiters_.emplace(id, Waiter{key, peer, now, deadline, std::move(done)});
  deadlines_.emplace(deadline, id);
  const auto [it, fresh] = reviews_.try_emplace(key);
  it->second.waiters.push_back(id);
  if (!fresh) return;
  it->second.token = token;
  queue_.push_back(key);
  StartMore(now);
}

void Reviews::StartMore(Time now) {
  while (running_ < options_.most_running && !queue_.empty() && limit_.Ready(now)) {
    limit_.Take();
    const std::string key = std::move(queue_.front());
    queue_.pop_front();
    Review& review = reviews_.at(key);
    review.running = true;
    ++running_;
    todo_.starts.push_back({key, std::exchange(review.token, "")});
  }
}

void Reviews::Finish(const std::string& key, const Answer& answer, Time now) {
  const auto it = reviews_.find(key);
  if (it == reviews_.end() || !it->second.running) return;
  Answer said = answer;
  if (answer.ok()) {
    known_.Put(key, *answer, now);
    refused_.Erase(key);
  } else if (absl::IsUnauthenticated(answer.status())) {
    known_.Erase(key);
    refused_.Put(key, answer.status(), now);
  } else {
    said = WithoutReview(key, answer.status(), now, options_.grace);
  }
  const std::vector<uint64_t> waiters = std::move(it->second.waiters);
  reviews_.erase(it);
  --running_;
  for (const uint64_t id : waiters) AnswerWaiter(id, said);
  known_.EraseBefore(now - options_.grace);
  StartMore(now);
}

void Reviews::AnswerWaiter(uint64_t id, const Answer& answer) {
  const auto it = waiters_.find(id);
  if (it == waiters_.end()) return;
  Waiter waiter = std::move(it->second);
  waiters_.erase(it);
  deadlines_.erase({waiter.deadline, id});
  const auto of_peer = waiting_of_.find(waiter.peer);
  if (--of_peer->second == 0) waiting_of_.erase(of_peer);
  Say(std::move(waiter.done), answer);
}

Reviews::Answer Reviews::WithoutReview(const std::string& key, const absl::Status& why, Time now,
                                       std::chrono::milliseconds grace) const {
  const auto* known = known_.Find(key, now - grace);
  if (known) return known->value;
  return why;
}

std::optional<Reviews::Time> Reviews::deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  const Time first = deadlines_.begin()->first;
  return queue_.empty() || running_ >= options_.most_running ? first : std::min(first, limit_.next());
}

void Reviews::Tick(Time now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const uint64_t id = deadlines_.begin()->second;
    Waiter& waiter = waiters_.at(id);
    const std::string key = waiter.key;
    const auto review = reviews_.find(key);
    const bool running = review->second.running;
    const std::chrono::milliseconds grace = running ? options_.grace : options_.unasked_grace;
    if (!running && waiter.deadline < waiter.asked + options_.wait && !known_.Find(key, now - grace)) {
      // It cannot stay unasked, so it waits as long as those who are new.
      deadlines_.erase(deadlines_.begin());
      waiter.deadline = waiter.asked + options_.wait;
      deadlines_.emplace(waiter.deadline, id);
      continue;
    }
    std::erase(review->second.waiters, id);
    // One that runs goes on: its answer is worth knowing.
    if (review->second.waiters.empty() && !running) {
      reviews_.erase(review);
      std::erase(queue_, key);
    }
    const char* why = running ? "the API server does not answer in time" : "too many wait to be known";
    AnswerWaiter(id, WithoutReview(key, Later(why), now, grace));
  }
  StartMore(now);
}

void Reviews::Stop() {
  stopped_ = true;
  while (!waiters_.empty()) AnswerWaiter(waiters_.begin()->first, Later("the control plane ends"));
  queue_.clear();
  reviews_.clear();
  running_ = 0;
}

}  // namespace k8sgw::xds_auth
