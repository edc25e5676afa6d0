// What an API server says when it refuses something: the `Status` object of meta/v1, and what it means for us.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace k8sgw::kube {

struct ApiStatus {
  struct Cause {
    std::string reason;   // FieldValueInvalid, …
    std::string message;  // what is wrong with the field
    std::string field;    // spec.virtualHost.domains[0]; may be empty
    bool operator==(const Cause&) const = default;
  };

  // The HTTP code; 0 when there was no answer.
  int code = 0;
  // The machine's word for it: Conflict, AlreadyExists, Expired, NotFound, Invalid, …; "" when it was no Status.
  std::string reason;
  std::string message;
  std::vector<Cause> causes;
  // How long the server asks us to wait; 0 when it does not.
  std::chrono::seconds retry_after{0};

  // The history that was asked for is gone: list again.
  bool IsExpired() const { return code == 410 || reason == "Expired" || reason == "Gone"; }
};

// `body` is what came with `code`: as a rule JSON, but proxies answer with anything, so the beginning of that is taken
// as the message. Never fails.
ApiStatus ParseApiStatus(int code, std::string_view body);

// 400 and 422 InvalidArgument, 401 Unauthenticated, 403 PermissionDenied, 404 NotFound, 409 Aborted (AlreadyExists when
// the reason says so), 410 OutOfRange, 429 ResourceExhausted, 504 DeadlineExceeded, other 5xx Unavailable, 2xx Ok.
absl::Status ToStatus(const ApiStatus& status);

}  // namespace k8sgw::kube
