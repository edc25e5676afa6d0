// A connection to the API server that is a WebSocket.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "src/cli/forward/websocket.h"
#include "src/sources/kube/credentials.h"

namespace k8sgw::cli {

class Upgraded {
 public:
  // `target` is the path and the query. Errors are those of the API server, as for any other request.
  static absl::StatusOr<std::unique_ptr<Upgraded>> Open(kube::Credentials& credentials, const std::string& target,
                                                        const std::string& protocol, std::chrono::milliseconds timeout);
  ~Upgraded();
  Upgraded(const Upgraded&) = delete;
  Upgraded& operator=(const Upgraded&) = delete;

  // For poll; before that, Receive must have said that there is nothing.
  int fd() const { return fd_; }
  // All frames that are there; `ended` when no more will come. Never waits.
  absl::Status Receive(std::vector<Frame>& frames, bool& ended);
  // Waits while the server takes nothing.
  absl::Status Send(const Frame& frame);

 private:
  Upgraded() = default;
  absl::Status Connect(kube::Credentials& credentials, const kube::Identity& identity, const std::string& target,
                       const std::string& protocol);
  absl::Status SendBytes(std::string_view bytes);
  // Reads what is there; 0 at the end, nullopt when nothing is.
  absl::StatusOr<std::optional<size_t>> Read(char* buffer, size_t size);
  absl::Status Wait(short events);

  CURL* easy_ = nullptr;
  curl_slist* connect_to_ = nullptr;
  int fd_ = -1;
  std::chrono::steady_clock::time_point deadline_{};
  std::chrono::milliseconds timeout_{0};
  char error_[CURL_ERROR_SIZE] = "";
  FrameReader reader_;
};

}  // namespace k8sgw::cli
