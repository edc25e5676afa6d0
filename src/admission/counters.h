// What the webhook counts, for metrics. Read from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace k8sgw::admission {

struct Counters {
  // Verdicts, and requests that got none.
  std::atomic<uint64_t> allowed{0};
  std::atomic<uint64_t> denied{0};
  // Allowed although there were errors, since Settings accept everything.
  std::atomic<uint64_t> allowed_with_errors{0};
  std::atomic<uint64_t> bad_requests{0};
  std::atomic<uint64_t> not_ready{0};
  // Times that certificate and key were read anew.
  std::atomic<uint64_t> reloads{0};
  std::atomic<uint64_t> failed_reloads{0};
  // Connections, and those that were closed for being too slow, too big or too many.
  std::atomic<uint64_t> connections{0};
  std::atomic<uint64_t> cut_off{0};
};

}  // namespace k8sgw::admission
