// One HTTP request after the other, for pulling: blocking, with limits of size and time, and stopped from outside.
//
// Redirects are followed by hand: never from https to http, and never with the credentials to another host. Nothing is
// fetched from link-local addresses, where clouds keep the identities of their machines.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace k8sgw::wasm_cache {

struct FetchOptions {
  // PEM of authorities that are trusted beside those of the system; "" for none.
  std::string ca_file;
  // host:port of servers that are spoken to without TLS.
  std::set<std::string, std::less<>> plain_http;
  std::chrono::milliseconds connect_timeout{5'000};
  // For one request, redirects included.
  std::chrono::milliseconds timeout{120'000};
  // So long with hardly a byte, and it is given up.
  std::chrono::seconds stall_timeout{20};
  int max_redirects = 5;
};

struct FetchRequest {
  std::string url;
  bool head = false;
  std::string accept{};
  // The value of the header; "" for none.
  std::string authorization{};
  // A longer body is an error.
  size_t max_bytes = 0;
};

struct FetchAnswer {
  int code = 0;
  std::string body;
  // Values of Docker-Content-Digest and of all WWW-Authenticate headers; those of redirects do not count.
  std::string digest;
  std::vector<std::string> challenges;
  // That of the header, or 0.
  std::chrono::seconds retry_after{0};
  // Whether the one who answered is who was asked, and not somebody that a redirect has led to.
  bool same_origin = true;
};

class Fetcher {
 public:
  // `stop` is looked at often, and outlives the fetcher.
  Fetcher(const FetchOptions& options, const std::atomic<bool>& stop);
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  // Connections are kept for the next request. Ok whatever the code; errors: Unavailable and DeadlineExceeded for what
  // may be better later, else what the other side does wrong, or Cancelled. They name the host, and nothing that it
  // sent.
  absl::StatusOr<FetchAnswer> Fetch(const FetchRequest& request);

 private:
  struct Exchange;
  struct Multi;

  absl::Status Perform(Exchange& exchange, std::chrono::steady_clock::time_point deadline);

  const FetchOptions options_;
  const std::atomic<bool>& stop_;
  std::unique_ptr<Multi> multi_;
};

}  // namespace k8sgw::wasm_cache
