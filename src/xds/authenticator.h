// Who asks, and which roles are theirs: what a server wants to know before it hands anything out.
//
// The server knows neither tokens nor certificates: it passes on what a caller shows, and asks the Identity that comes
// back. Nothing of a caller is read, but its headers, before it is known; and nothing is sent.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/base/ptr.h"

namespace k8sgw::xds {

// What a stream or a call shows of itself before its first message. Hostile.
struct Caller {
  // The values of its `authorization` headers, as they came.
  std::vector<std::string> authorization;
  // Where it comes from, as gRPC writes it: "ipv4:10.0.0.7:40112".
  std::string peer;
};

// Somebody who is known.
class Identity {
 public:
  virtual ~Identity() = default;
  // Ok, or PermissionDenied, with a message for the caller: what is wrong, and how to mend it. `role` is hostile; ""
  // stands for a caller who names none, and gets the fallback.
  virtual absl::Status MayHave(const std::string& role) const = 0;
};

class Authenticator {
 public:
  using Done = std::function<void(const absl::StatusOr<Ptr<Identity>>&)>;

  virtual ~Authenticator() = default;

  // Calls `done` once, in bounded time, from any thread, and perhaps before it returns. May be called from any thread.
  // Errors, with a message for the caller: Unauthenticated, or Unavailable when nobody can tell at the moment.
  virtual void Authenticate(const Caller& caller, Done done) = 0;
  // A stream that is open for so long is asked about again.
  virtual std::chrono::milliseconds holds_for() const = 0;
};

// A caller that got nothing.
struct Refusal {
  std::string peer;
  // "" when it was refused before it could name one. Hostile.
  std::string role;
  absl::Status status;
};

// Monotonic.
struct AccessStats {
  // Streams and calls that were given what they asked for; refused ones, by cause. All 0 without an authenticator.
  int64_t admitted = 0;
  int64_t unauthenticated = 0;
  int64_t denied = 0;
  int64_t unavailable = 0;
};

}  // namespace k8sgw::xds
