#include "benchmarks/kube/board.h"

#include <fmt/core.h>

#include <cstdlib>

namespace k8sgw::bench {

void Board::Expect(const std::string& text) {
  std::lock_guard<std::mutex> lock(mutex_);
  expected_[text].reset();
}

void Board::Look(std::string_view bytes, Clock::time_point at) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [text, seen] : expected_) {
    if (seen || bytes.find(text) == std::string_view::npos) continue;
    seen = at;
    changed_.notify_all();
  }
}

Clock::time_point Board::Take(const std::string& text, const std::string& who, Clock::duration patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  auto& seen = expected_.at(text);
  if (!changed_.wait_for(lock, patience, [&] { return seen.has_value(); })) {
    fmt::print(stderr, "{} did not see \"{}\" in time\n", who, text);
    std::exit(1);
  }
  const Clock::time_point at = *seen;
  expected_.erase(text);
  return at;
}

std::optional<Clock::time_point> Board::TryTake(const std::string& text) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto it = expected_.find(text);
  if (it == expected_.end() || !it->second) return std::nullopt;
  const Clock::time_point at = *it->second;
  expected_.erase(it);
  return at;
}

}  // namespace k8sgw::bench
