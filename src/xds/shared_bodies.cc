#include "src/xds/shared_bodies.h"

#include "src/xds/wire.h"

namespace k8sgw::xds {

void SharedBodies::StreamOpened() {
  std::lock_guard<std::mutex> lock(mutex_);
  ++streams_;
}

void SharedBodies::StreamClosed() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (--streams_ <= 1) held_.fill(nullptr);
}

std::shared_ptr<const Slices> SharedBodies::Of(const Response& response, bool delta) {
  std::shared_ptr<Body> body;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto& alive = alive_[static_cast<size_t>(response.type)];
    std::erase_if(alive, [](const auto& other) { return other.expired(); });
    for (const auto& other : alive) {
      body = other.lock();
      if (body && body->delta == delta && body->resources == response.resources) break;
      body.reset();
    }
    if (!body) {
      body = std::make_shared<Body>();
      body->delta = delta;
      body->resources = response.resources;
      alive.push_back(body);
    }
    held_[static_cast<size_t>(response.type)] = streams_ > 1 ? body : nullptr;
  }
  std::call_once(body->once, [&] { body->slices = delta ? DeltaBody(response) : StateBody(response); });
  return {body, &body->slices};
}

}  // namespace k8sgw::xds
