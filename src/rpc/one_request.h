// One call with one request, which is read when its caller may ask it, and not before.
//
// gRPC reads the request of a unary method, or of one whose answers are a stream, before it calls anybody, whatever its
// length. Such methods are therefore registered as streams of both sides, which is the same on the wire:
//
//   MarkMethodStreamed(index, nullptr);
//   MarkMethodRawCallback(index, new rpc::OneRequestHandler([this](auto* context) { … return call; }));
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>

#include <chrono>
#include <functional>
#include <utility>

namespace k8sgw::rpc {

using OneRequestHandler = grpc::internal::CallbackBidiHandler<grpc::ByteBuffer, grpc::ByteBuffer>;

// Lives until it was finished, once and no more, by Finish, Answer or a refusing Admit; from any thread. A call whose
// client is gone is to be finished, too.
class OneRequest final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // Called once, when the request has come; it is the call's until that is finished.
  using Take = std::function<void(OneRequest& call, grpc::ByteBuffer& request)>;

  // Whoever takes longer than `patience` from being admitted to the end of the request is not answered.
  explicit OneRequest(Take take, std::chrono::milliseconds patience = std::chrono::minutes(1))
      : take_(std::move(take)), patience_(patience) {}

  // The caller may ask, or what it gets instead of being read.
  void Admit(const grpc::Status& status) {
    admitted_ = std::chrono::steady_clock::now();
    status.ok() ? StartRead(&request_) : Finish(status);
  }
  void Answer(grpc::ByteBuffer response) {
    response_ = std::move(response);
    StartWriteAndFinish(&response_, {}, grpc::Status::OK);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish({grpc::StatusCode::INVALID_ARGUMENT, "there is no request"});
    // Who may ask now may not for ever.
    if (std::chrono::steady_clock::now() - admitted_ > patience_) {
      return Finish({grpc::StatusCode::DEADLINE_EXCEEDED, "the request came too late"});
    }
    take_(*this, request_);
  }
  void OnDone() override { delete this; }

 private:
  const Take take_;
  const std::chrono::milliseconds patience_;
  std::chrono::steady_clock::time_point admitted_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
};

}  // namespace k8sgw::rpc
