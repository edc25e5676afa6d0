// What the entries tell, counted for Prometheus under the published names.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "src/access_log/entry.h"
#include "src/access_log/sink.h"

namespace k8sgw::access_log {

class Metrics {
 public:
  void Count(const Measures& request);
  // The text format of Prometheus. `streams` is how many are open.
  std::string Text(const SinkStats& sink, uint64_t streams) const;

 private:
  // Nanoseconds.
  static constexpr std::array<int64_t, 12> kBounds = {1'000'000,     5'000'000,     10'000'000,    25'000'000,
                                                      50'000'000,    100'000'000,   250'000'000,   500'000'000,
                                                      1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};
  // Clients choose methods and Envoys the rest: what comes when there are so many is counted together.
  static constexpr size_t kMaxSeries = 2000;

  struct Times {
    std::array<uint64_t, kBounds.size()> below{};
    uint64_t count = 0;
    double sum = 0;
    void Add(int64_t nanoseconds);
  };
  struct Series {
    uint64_t requests = 0;
    Times downstream;
    Times upstream;
  };

  static void Write(const std::string& name, const std::string& labels, const Times& times, std::string& out);

  mutable std::mutex mutex_;
  // By labels, as they are written.
  std::map<std::string, Series> series_;
};

}  // namespace k8sgw::access_log
