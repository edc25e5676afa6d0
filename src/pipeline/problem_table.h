// All problems in force, kept up to date change by change.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "src/model/report.h"

namespace k8sgw {

class ProblemTable {
 public:
  // Replaces what `source` said about `part` before. Several parts may report the same problem; it goes when the last
  // of them takes it back.
  void Set(const std::string& source, const std::string& part, Problems problems);

  // Every problem once, in order.
  Problems All() const;
  // What came and what went since the last call.
  struct Difference {
    Problems added;
    Problems removed;
  };
  Difference TakeDifference();
  // What `source` says about `part`.
  const Problems& Of(const std::string& source, const std::string& part) const;
  // How many parts report the problem.
  int CountOf(const Problem& problem) const;
  // The same, of one source.
  int CountOf(const std::string& source, const Problem& problem) const;
  // The problems of one object.
  Problems Of(const ResourceKey& object) const;
  size_t CountErrors() const { return errors_; }
  size_t CountWarnings() const { return counts_.size() - errors_; }

 private:
  void Count(const Problem& problem, int step);

  std::map<std::pair<std::string, std::string>, Problems> by_part_;
  std::map<Problem, int> counts_;
  size_t errors_ = 0;
  // Whether a problem was in force at the last TakeDifference; only for those that changed since.
  std::map<Problem, bool> touched_;
};

}  // namespace k8sgw
