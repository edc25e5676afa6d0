// HTTP requests to ports of pods, loopback ports too, through the API server.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "src/cli/forward/tunnel.h"
#include "src/sources/kube/credentials.h"

namespace k8sgw::cli {

struct PodRequest {
  std::string method = "GET";
  // The path and the query.
  std::string target;
  std::chrono::milliseconds timeout{30'000};
};

inline constexpr size_t kMaxPodAnswer = size_t{256} << 20;

// The body of an answer with code 200. Errors: those of Tunnel; nobody listens there; another code; no whole answer in
// time.
absl::StatusOr<std::string> AskPod(kube::Credentials& credentials, const PodPort& to, const PodRequest& request);

}  // namespace k8sgw::cli
