// What a server counts, for metrics. Read from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace k8sgw::http {

struct Counters {
  // Times that certificate and key were read anew.
  std::atomic<uint64_t> reloads{0};
  std::atomic<uint64_t> failed_reloads{0};
  // When the certificate in use ends, in seconds since 1970; 0 while there is none.
  std::atomic<int64_t> certificate_ends{0};
  // Connections, and those that were closed for being too slow, too big or too many.
  std::atomic<uint64_t> connections{0};
  std::atomic<uint64_t> cut_off{0};
};

}  // namespace k8sgw::http
