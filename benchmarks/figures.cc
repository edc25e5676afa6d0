#include "benchmarks/figures.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <numeric>

namespace k8sgw::bench {

double Quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(q * static_cast<double>(values.size())))];
}

double Mean(const std::vector<double>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void Figures::Add(Figure figure) {
  const std::string ratio =
      figure.floor > 0 ? fmt::format(", {:.2f} x the floor of {:.2f}", figure.ours / figure.floor, figure.floor) : "";
  const std::string promise =
      figure.bound > 0 ? fmt::format("; promised {}: {}", figure.promise, figure.kept() ? "kept" : "NOT KEPT") : "";
  fmt::print("{:<28}{:>7}  {:.2f} {}{}{}\n", figure.name, figure.size, figure.ours, figure.unit, ratio, promise);
  std::fflush(stdout);
  figures_.push_back(std::move(figure));
}

void Figures::AddSamples(const std::string& name, int size, const std::string& unit, const std::vector<double>& ours,
                         const std::vector<double>& floor, double bound, const std::string& promise) {
  Add({.name = name,
       .size = size,
       .unit = unit,
       .ours = Quantile(ours, 0.5),
       .floor = Quantile(floor, 0.5),
       .bound = bound,
       .promise = promise,
       .ours_p90 = Quantile(ours, 0.9),
       .floor_p90 = Quantile(floor, 0.9),
       .samples = static_cast<int>(ours.size())});
}

bool Figures::Write(const std::string& path) const {
  std::ofstream out(path);
  out << "[\n";
  for (size_t i = 0; i < figures_.size(); ++i) {
    const Figure& f = figures_[i];
    out << fmt::format(
        R"(  {{"name": "{}", "size": {}, "unit": "{}", "ours": {:.3f}, "ours_p90": {:.3f}, "floor": {:.3f}, "floor_p90": {:.3f}, "bound": {:.3f}, "promise": "{}", "samples": {}, "kept": {}}})",
        f.name, f.size, f.unit, f.ours, f.ours_p90, f.floor, f.floor_p90, f.bound, f.promise, f.samples, f.kept());
    out << (i + 1 < figures_.size() ? ",\n" : "\n");
  }
  out << "]\n";
  return static_cast<bool>(out);
}

}  // namespace k8sgw::bench
