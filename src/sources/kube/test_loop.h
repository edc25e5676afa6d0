// For tests: a Loop that runs within another one, as the product's does.
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>

#include "src/sources/kube/loop.h"

namespace k8sgw::kube {

// Runs it until `done`; false when that takes longer than `limit`.
inline bool RunUntil(Loop& loop, const std::function<bool()>& done,
                     std::chrono::milliseconds limit = std::chrono::seconds(30)) {
  const auto deadline = Loop::Now() + limit;
  while (!done()) {
    if (Loop::Now() > deadline) return false;
    pollfd waiting{loop.fd(), POLLIN, 0};
    poll(&waiting, 1, 50);
    loop.Process();
  }
  return true;
}

}  // namespace k8sgw::kube
