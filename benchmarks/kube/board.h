// Notes when texts were first seen in what came over a wire.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "benchmarks/figures.h"

namespace k8sgw::bench {

// From any thread. A text is looked for from Expect until it was taken.
class Board {
 public:
  void Expect(const std::string& text);
  // What came at `at`; the search itself is not in that time.
  void Look(std::string_view bytes, Clock::time_point at);
  // When the text was seen; ends the process when it does not come in time, with `who` in the words.
  Clock::time_point Take(const std::string& text, const std::string& who,
                         Clock::duration patience = std::chrono::seconds(60));
  // The same without waiting.
  std::optional<Clock::time_point> TryTake(const std::string& text);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::optional<Clock::time_point>> expected_;  // guarded by mutex_
};

}  // namespace k8sgw::bench
