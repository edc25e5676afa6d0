// For tests: callers whose `authorization` is the one role that they may have, known on other threads.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "src/base/test_thread.h"
#include "src/xds/authenticator.h"

namespace k8sgw::xds {

class TestIdentity final : public Identity {
 public:
  explicit TestIdentity(std::string role) : role_(std::move(role)) {}
  absl::Status MayHave(const std::string& role) const override {
    return role == role_ || role.empty() ? absl::OkStatus() : absl::PermissionDeniedError("not yours");
  }

 private:
  const std::string role_;
};

class TestAuthenticator final : public Authenticator {
 public:
  explicit TestAuthenticator(std::chrono::milliseconds holds_for = std::chrono::hours(1)) : holds_for_(holds_for) {}

  void Authenticate(const Caller& caller, Done done) override {
    const int turn = ++asked;
    // In turns: at once, and from two threads.
    if (turn % 3 == 0) return done(Answer(caller));
    threads_[turn % 3 - 1].Post([this, caller, done = std::move(done)] { done(Answer(caller)); });
  }
  std::chrono::milliseconds holds_for() const override { return holds_for_; }

  void Revoke(const std::string& role) {
    std::lock_guard<std::mutex> lock(mutex_);
    revoked_.insert(role);
  }

  std::atomic<int> asked = 0;
  std::atomic<bool> away = false;

 private:
  absl::StatusOr<Ptr<Identity>> Answer(const Caller& caller) {
    if (away) return absl::UnavailableError("nobody can tell");
    if (caller.authorization.size() != 1) return absl::UnauthenticatedError("who is it");
    std::lock_guard<std::mutex> lock(mutex_);
    if (revoked_.contains(caller.authorization.front())) return absl::UnauthenticatedError("no longer");
    return Ptr<Identity>(std::make_shared<TestIdentity>(caller.authorization.front()));
  }

  const std::chrono::milliseconds holds_for_;
  std::mutex mutex_;
  std::set<std::string> revoked_;  // guarded by mutex_
  testing::TestThread threads_[2];
};

}  // namespace k8sgw::xds
