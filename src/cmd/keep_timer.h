// When what is kept for the next start is to be written, and what the log says when it cannot be.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "src/cmd/event_loop.h"

namespace k8sgw {

class KeepTimer {
 public:
  // `complaint` says what is not kept.
  explicit KeepTimer(std::string complaint) : complaint_(std::move(complaint)) {}

  std::optional<EventLoop::Time> deadline() const { return next_; }
  // Something is to be written: soon, and not later for what comes after it.
  void Changed();
  void NoLaterThan(EventLoop::Time time);
  // The deadline has passed, and a part is written now.
  void Begin() { next_.reset(); }
  // Whether that was all that can be written, or why it could not be.
  void Wrote(const absl::StatusOr<bool>& all);
  // For LastGoodTexts::Open.
  static void Warn(const std::string& what);
  // Once for each error.
  void Say(const absl::Status& status);

 private:
  const std::string complaint_;
  std::optional<EventLoop::Time> next_;
  std::string said_;
};

}  // namespace k8sgw
