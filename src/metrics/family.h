// What a metric is, before it has a value.
#pragma once

#include <span>
#include <string_view>

namespace k8sgw::metrics {

enum class Type { kCounter, kGauge, kHistogram };

struct Family {
  std::string_view name;
  Type type{};
  // One sentence.
  std::string_view help;
  // Names of labels, in the order in which values are given; "a,b".
  std::string_view labels = "";
  // Upper bounds of a histogram, ascending; there is one more without a bound.
  std::span<const double> bounds = {};
};

}  // namespace k8sgw::metrics
