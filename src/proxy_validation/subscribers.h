// The streams of NotifyOnResync: each gets one empty message at its beginning and one for each Notify after it.
//
// Of a client that reads slowly at most one message waits here, whatever the number of notifications: an empty message
// says all that several would.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <mutex>
#include <set>

namespace k8sgw::proxy_validation {

class Subscribers {
 public:
  static constexpr size_t kMost = 1'000;
  // Of both sides, so that gRPC does not read a request before anybody may begin.
  using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

  // Told once, on any thread: whether the stream may begin, or how it ends.
  using Admitted = std::function<void(const grpc::Status& status)>;
  // A new stream, which begins when `admit` says so to whom it is given. From the kMost-th on, one that is refused.
  Reactor* Add(const std::function<void(Admitted)>& admit);
  // From any thread; does not wait.
  void Notify();
  size_t size() const;

 private:
  class Stream;
  // Streams outlive whoever lets them begin.
  struct Shared {
    std::mutex mutex;
    std::set<std::shared_ptr<Stream>> streams;  // guarded by mutex
  };
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace k8sgw::proxy_validation
