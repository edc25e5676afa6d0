// For tests: waits for what another thread does.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace k8sgw::testing {

// False when it does not come to that within half a minute, which nothing that is tested needs.
inline bool Await(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace k8sgw::testing
