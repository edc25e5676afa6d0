// Calls of a gRPC service that wait for the thread that owns what they ask about.
//
// A bounded number waits; the others are refused at once. May be asked from any thread. What it posts may come when the
// service is gone: it is shared, and answers nothing after Close.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace k8sgw::rpc {

// `Call` has a `reactor`, which it is finished by.
template <typename Call>
class WaitingCalls : public std::enable_shared_from_this<WaitingCalls<Call>> {
 public:
  struct Owner {
    // Runs something on the owner's thread, later.
    std::function<void(std::function<void()>)> post;
    // Whether it can answer yet; on any thread.
    std::function<bool()> is_ready;
    // On the owner's thread; finishes the call.
    std::function<void(Call& call)> answer;
  };

  explicit WaitingCalls(Owner owner) : owner_(std::move(owner)) {}

  void Add(Call call) {
    grpc::Status refusal;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (closed_) {
        refusal = kStops;
      } else if (!owner_.is_ready()) {
        refusal = {grpc::StatusCode::UNAVAILABLE, "not all objects are known yet"};
      } else if (calls_.size() >= kMostWaiting) {
        refusal = {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many requests wait"};
      } else {
        calls_.push_back(std::move(call));
      }
    }
    if (!refusal.ok()) return call.reactor->Finish(std::move(refusal));
    // Each in a turn of its own, so that what else the thread has to do comes in between.
    owner_.post([self = this->shared_from_this()] { self->AnswerNext(); });
  }

  // Refuses what waits, and whatever comes.
  void Close() {
    std::deque<Call> left;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
      left.swap(calls_);
    }
    for (Call& call : left) call.reactor->Finish(kStops);
  }

 private:
  static constexpr size_t kMostWaiting = 64;
  inline static const grpc::Status kStops{grpc::StatusCode::UNAVAILABLE, "the server stops"};

  void AnswerNext() {
    Call call;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (calls_.empty()) return;
      call = std::move(calls_.front());
      calls_.pop_front();
    }
    owner_.answer(call);
  }

  const Owner owner_;
  std::mutex mutex_;
  bool closed_ = false;  // these are guarded by mutex_
  std::deque<Call> calls_;
};

}  // namespace k8sgw::rpc
