// Counters, gauges and histograms with labels, and the text in which Prometheus reads them.
//
//   Registry registry(kGloo);
//   registry.Set(kLeader, {}, 1);
//   registry.Observe(kTranslationTime, {"EdgeSnapshotTranslator"}, 0.02);
//   registry.Text();
//
// Every family of the list is in the text, also without a value, and in the order of the list; series are sorted. May
// be used from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/metrics/family.h"

namespace k8sgw::metrics {

// Of these a family has no more, however many users make: the others are left out, and counted.
inline constexpr size_t kMostSeries = 5000;

class Registry {
 public:
  // One value for each label of the family.
  using Labels = std::vector<std::string>;

  explicit Registry(std::span<const Family* const> families);

  // A value that is known from elsewhere: of a gauge, or of a counter that is kept elsewhere.
  void Set(const Family& family, const Labels& labels, double value);
  void Add(const Family& family, const Labels& labels, double step = 1);
  void Observe(const Family& family, const Labels& labels, double value);
  // Forgets its series, before those that there are now are set.
  void Clear(const Family& family);
  // Series that were left out since the start.
  uint64_t left_out() const;

  // The text format, version 0.0.4.
  std::string Text() const;

 private:
  struct Series {
    double value = 0;
    // Of a histogram.
    std::vector<uint64_t> below;
    uint64_t count = 0;
  };
  using AllSeries = std::map<Labels, Series>;

  Series* Find(const Family& family, const Labels& labels);

  const std::vector<const Family*> families_;
  mutable std::mutex mutex_;
  std::map<const Family*, AllSeries> series_;  // guarded by mutex_
  uint64_t left_out_ = 0;
};

// The content type of Text.
inline constexpr char kContentType[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace k8sgw::metrics
