// What the webhook counts, for metrics. Read from any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "src/http/counters.h"

namespace k8sgw::admission {

// And what its server does.
struct Counters : http::Counters {
  // Verdicts, and requests that got none.
  std::atomic<uint64_t> allowed{0};
  std::atomic<uint64_t> denied{0};
  // Allowed although there were errors, since Settings accept everything.
  std::atomic<uint64_t> allowed_with_errors{0};
  std::atomic<uint64_t> bad_requests{0};
  std::atomic<uint64_t> not_ready{0};
  // Waited for longer than the API server does.
  std::atomic<uint64_t> late{0};
  // Refused, as others that wait take all the memory that there is for them.
  std::atomic<uint64_t> crowded{0};
};

}  // namespace k8sgw::admission
