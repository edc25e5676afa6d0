// The streams of NotifyOnResync: each gets one empty message at its beginning and one for each Notify.
//
// Of a client that reads slowly at most one message waits here, whatever the number of notifications: an empty message
// says all that several would.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <mutex>
#include <set>

namespace gloo::solo::io {
class NotifyOnResyncResponse;
}

namespace k8sgw::proxy_validation {

class Subscribers {
 public:
  static constexpr size_t kMost = 1'000;
  using Reactor = grpc::ServerWriteReactor<::gloo::solo::io::NotifyOnResyncResponse>;

  // A new stream. From the kMost-th on, one that is refused.
  Reactor* Add();
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
