// The connections of the server, and when each has had its time: against clients that are slow, many or big. Belongs to
// the server's thread; pure but for the clock that it is told.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "src/http/counters.h"

namespace k8sgw::http {

struct ConnectionLimits {
  size_t most = 256;
  // From the first byte to the last of a request; for the first request from the accept, so TLS is within it.
  std::chrono::milliseconds request_time{10'000};
  // Who has kept us waiting for longer, for a next request or for the rest of one, makes room when there are too many.
  // When all come at once on a busy machine, TLS alone takes seconds; the API server gives up after ten.
  std::chrono::milliseconds patience{5'000};
  // What all requests that are not complete may hold, in bytes.
  size_t request_bytes = 64 << 20;
};

class Connections {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Id = uint64_t;

  Connections(ConnectionLimits limits, Counters& counters) : limits_(limits), counters_(counters) {}

  // A new one. Returns the one that must be closed for it, if there are too many: of those that have kept us waiting
  // for too long, the one that waits longest for its next request, or else the one whose request began first; or else
  // the new one itself.
  std::optional<Id> Open(Id id, Time now);
  // Whether a new one would have to go itself. It had better wait.
  bool Full(Time now) const { return CountOpen() >= limits_.most && !FindVictim(now); }
  void Close(Id id);
  // Bytes of a request came. False: they are too many.
  bool OnBytes(Id id, size_t bytes, Time now);
  // The request is complete; the client's time does not run until the answer is written.
  void OnRequest(Id id);
  void OnAnswer(Id id, Time now);
  // Those whose time is over. Each is told once.
  std::vector<Id> TakeLate(Time now);

  size_t size() const { return entries_.size(); }

 private:
  enum class Phase { kReading, kAnswering, kIdle, kCut };
  struct Entry {
    Phase phase = Phase::kReading;
    Time since;
    size_t bytes = 0;
  };
  void Cut(Entry& entry);
  size_t CountOpen() const;
  std::optional<Id> FindVictim(Time now) const;

  const ConnectionLimits limits_;
  Counters& counters_;
  std::map<Id, Entry> entries_;
  size_t bytes_ = 0;
};

}  // namespace k8sgw::http
