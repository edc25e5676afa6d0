#include "src/metrics/registry.h"

#include <cmath>
#include <cstdio>

#include "src/base/text.h"
#include "src/metrics/label.h"

namespace k8sgw::metrics {
namespace {

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kCounter: return "counter";
    case Type::kGauge: return "gauge";
    case Type::kHistogram: return "histogram";
  }
  return "untyped";
}

// Whole numbers as such; others with what it takes to tell them apart.
std::string Number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[40];
  const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  std::snprintf(text, sizeof(text), whole ? "%.0f" : "%.9g", value);
  return text;
}

std::vector<std::string_view> Split(std::string_view names) {
  std::vector<std::string_view> out;
  while (!names.empty()) {
    const size_t comma = names.find(',');
    out.push_back(names.substr(0, comma));
    names = comma == std::string_view::npos ? "" : names.substr(comma + 1);
  }
  return out;
}

// `{a="b",le="0.5"}`, or nothing.
std::string LabelText(const Family& family, const Registry::Labels& values, std::string_view bound = "") {
  const std::vector<std::string_view> names = Split(family.labels);
  std::string out;
  for (size_t i = 0; i < names.size() && i < values.size(); ++i) {
    out += Cat(out.empty() ? "" : ",", names[i], "=\"", EscapeLabel(values[i]), "\"");
  }
  if (!bound.empty()) out += Cat(out.empty() ? "" : ",", "le=\"", bound, "\"");
  return out.empty() ? "" : Cat("{", out, "}");
}

}  // namespace

Registry::Registry(std::span<const Family* const> families) : families_(families.begin(), families.end()) {
  for (const Family* family : families_) series_[family];
}

// With mutex_. nullptr when there are too many, or nobody said that there is such a family.
Registry::Series* Registry::Find(const Family& family, const Labels& labels) {
  const auto all = series_.find(&family);
  if (all == series_.end()) return nullptr;
  const auto known = all->second.find(labels);
  if (known != all->second.end()) return &known->second;
  if (all->second.size() >= kMostSeries) {
    ++left_out_;
    return nullptr;
  }
  return &all->second[labels];
}

void Registry::Set(const Family& family, const Labels& labels, double value) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (Series* series = Find(family, labels)) series->value = value;
}

void Registry::Add(const Family& family, const Labels& labels, double step) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (Series* series = Find(family, labels)) series->value += step;
}

void Registry::Observe(const Family& family, const Labels& labels, double value) {
  std::lock_guard<std::mutex> lock(mutex_);
  Series* series = Find(family, labels);
  if (!series) return;
  series->below.resize(family.bounds.size());
  for (size_t i = 0; i < family.bounds.size(); ++i) series->below[i] += value <= family.bounds[i] ? 1 : 0;
  ++series->count;
  series->value += value;
}

void Registry::Clear(const Family& family) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (const auto all = series_.find(&family); all != series_.end()) all->second.clear();
}

uint64_t Registry::left_out() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return left_out_;
}

std::string Registry::Text() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::string out;
  for (const Family* family : families_) {
    const std::string_view name = family->name;
    out += Cat("# HELP ", name, " ", family->help, "\n# TYPE ", name, " ", TypeName(family->type), "\n");
    for (const auto& [labels, series] : series_.at(family)) {
      if (family->type != Type::kHistogram) {
        out += Cat(name, LabelText(*family, labels), " ", Number(series.value), "\n");
        continue;
      }
      for (size_t i = 0; i < family->bounds.size(); ++i) {
        out += Cat(name, "_bucket", LabelText(*family, labels, Number(family->bounds[i])), " ", series.below[i], "\n");
      }
      out += Cat(name, "_bucket", LabelText(*family, labels, "+Inf"), " ", series.count, "\n");
      out += Cat(name, "_sum", LabelText(*family, labels), " ", Number(series.value), "\n");
      out += Cat(name, "_count", LabelText(*family, labels), " ", series.count, "\n");
    }
  }
  return out;
}

}  // namespace k8sgw::metrics
