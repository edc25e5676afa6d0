#include "src/xds/pushes.h"

#include <algorithm>
#include <utility>

namespace k8sgw::xds {
namespace {

// A client that never answers keeps its pushes open: changes beyond these are part of the last one.
constexpr size_t kMostOpen = 64;
constexpr std::chrono::seconds kLongest(60);

}  // namespace

void Pushes::Begin(const std::vector<Owed*>& behind, Time now, const OnEnd& on_end) {
  for (; !open_.empty() && now - open_.front().begin > kLongest; ++first_) {
    on_end(now - open_.front().begin);
    open_.pop_front();
  }
  if (behind.empty()) return;
  const bool fresh = open_.size() < kMostOpen;
  if (fresh) open_.push_back({.begin = now, .last_answer = std::nullopt, .waiting = 0});
  const uint64_t last = first_ + open_.size() - 1;
  for (Owed* owed : behind) {
    if (fresh || !*owed) ++open_.back().waiting;
    if (!*owed) *owed = last;
  }
}

void Pushes::Answered(Owed& owed, Time now, const OnEnd& on_end) { Leave(owed, now, on_end); }

void Pushes::Left(Owed& owed, const OnEnd& on_end) { Leave(owed, std::nullopt, on_end); }

void Pushes::Leave(Owed& owed, std::optional<Time> answer, const OnEnd& on_end) {
  if (!owed) return;
  const uint64_t from = std::max(first_, *std::exchange(owed, std::nullopt));
  for (size_t i = from - first_; i < open_.size(); ++i) {
    --open_[i].waiting;
    if (answer) open_[i].last_answer = answer;
  }
  // Whoever owes an answer to one owes it to the later ones, so the first is the first to end.
  while (!open_.empty() && open_.front().waiting == 0) {
    const Push ended = open_.front();
    open_.pop_front();
    ++first_;
    if (ended.last_answer) on_end(*ended.last_answer - ended.begin);
  }
}

}  // namespace k8sgw::xds
