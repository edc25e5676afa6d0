// The requests of one pull: who asks is told to the registry once it wants to know.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "src/model/image_reference.h"
#include "src/wasm_cache/challenge.h"
#include "src/wasm_cache/docker_config.h"
#include "src/wasm_cache/fetch.h"

namespace k8sgw::wasm_cache {

class Session {
 public:
  // All of them outlive it.
  Session(const ImageReference& reference, const Login& login, const FetchOptions& options,
          const std::atomic<bool>& stop);

  // `path` is below that of the repository: "manifests/latest". Ok only for code 200.
  // Errors: NotFound and PermissionDenied are the registry's; Unavailable, DeadlineExceeded and ResourceExhausted may
  // be better later.
  absl::StatusOr<FetchAnswer> Get(const std::string& path, const std::string& accept, size_t max_bytes,
                                  bool head = false);
  // What a registry that was asked too often wants.
  std::chrono::seconds retry_after() const { return retry_after_; }

 private:
  // Finds out what to answer to the challenges.
  absl::Status Authorize(const std::vector<std::string>& challenges);
  absl::Status FetchToken(const Challenge& challenge);
  absl::Status StatusOf(const FetchAnswer& answer);

  const ImageReference& reference_;
  const Login& login_;
  Fetcher fetcher_;
  // Whether the registry is spoken to without TLS.
  const bool plain_;
  const std::string base_;
  std::string authorization_;
  std::chrono::seconds retry_after_{0};
};

}  // namespace k8sgw::wasm_cache
