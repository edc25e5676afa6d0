// What a benchmark says: figures beside their floor or bound, printed as they come and written as JSON at the end.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace k8sgw::bench {

using Clock = std::chrono::steady_clock;

inline double Ms(Clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

// The q-th quantile, 0 to 1; 0 for no values.
double Quantile(std::vector<double> values, double q);
// 0 for no values.
double Mean(const std::vector<double>& values);

struct Figure {
  // What was measured, such as "edit-to-live", and its size.
  std::string name;
  int size = 0;
  std::string unit;
  double ours = 0;
  // Of the floor in the same run; 0 when there is none.
  double floor = 0;
  // The largest value that is promised, and in which words; 0 when nothing is.
  double bound = 0;
  std::string promise{};
  double ours_p90 = 0;
  double floor_p90 = 0;
  int samples = 1;

  bool kept() const { return bound == 0 || ours <= bound; }
};

class Figures {
 public:
  // Prints a line.
  void Add(Figure figure);
  // The medians and tails of both sides; no floor when `floor` is empty, and no promise when `bound` is 0.
  void AddSamples(const std::string& name, int size, const std::string& unit, const std::vector<double>& ours,
                  const std::vector<double>& floor, double bound, const std::string& promise);
  // False when it cannot be written.
  bool Write(const std::string& path) const;

 private:
  std::vector<Figure> figures_;
};

}  // namespace k8sgw::bench
