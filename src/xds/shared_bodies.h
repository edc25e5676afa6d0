// What is equal in the responses to many streams: their resources, as bytes on the wire, made once.
//
// A change that goes to a thousand clients is a thousand responses which differ in their nonces alone. The bytes of
// their resources are made for the first of them; the others refer to these. They live as long as some response on its
// way refers to them and, when there are several streams, until others of their type are made. So a single client costs
// no memory here, and many cost that of one.
#pragma once

#include <grpcpp/support/slice.h>

#include <array>
#include <memory>
#include <mutex>
#include <vector>

#include "src/xds/engine.h"

namespace k8sgw::xds {

using Slices = std::vector<grpc::Slice>;

class SharedBodies {
 public:
  // How many streams there are decides what is held.
  void StreamOpened();
  void StreamClosed();

  // The bytes of a response's resources. From any thread; whoever comes while they are made waits for them.
  std::shared_ptr<const Slices> Of(const Response& response, bool delta);

 private:
  struct Body {
    bool delta = false;
    // Kept, so that no other resources can have their addresses.
    std::vector<Ptr<Resource>> resources;
    std::once_flag once;
    Slices slices;
  };

  std::mutex mutex_;
  int streams_ = 0;  // these are guarded by mutex_
  // By type: those that somebody refers to, and the newest of them.
  std::array<std::vector<std::weak_ptr<Body>>, kTypeCount> alive_;
  std::array<std::shared_ptr<Body>, kTypeCount> held_;
};

}  // namespace k8sgw::xds
