// The real Envoy in validate mode, as a function.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "absl/status/statusor.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}

namespace k8sgw::validation {

// Which Envoy is asked, and how long it may take.
struct EnvoyCall {
  // Its path.
  std::string envoy;
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
  // When it becomes true, nobody waits for the answer any more. May be nullptr.
  const std::atomic<bool>* stop = nullptr;
};

// "" when Envoy accepts the configuration, else its words on one line. Errors: it could not be asked; DeadlineExceeded
// or Cancelled when it was ended. No file is written, and no process is left.
absl::StatusOr<std::string> AskEnvoyAbout(const ::envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                          const EnvoyCall& call);

}  // namespace k8sgw::validation
