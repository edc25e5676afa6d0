#include "src/pipeline/problem_table.h"

#include <algorithm>

namespace k8sgw {

void ProblemTable::Count(const Problem& problem, int step) {
  const auto it = counts_.find(problem);
  const int before = it == counts_.end() ? 0 : it->second;
  touched_.try_emplace(problem, before > 0);
  const int after = before + step;
  if (after > 0) {
    counts_[problem] = after;
  } else if (it != counts_.end()) {
    counts_.erase(it);
  }
  if (problem.severity == Severity::kError && (before > 0) != (after > 0)) errors_ += after > 0 ? 1 : -1;
}

void ProblemTable::Set(const std::string& source, const std::string& part, Problems problems) {
  const auto key = std::make_pair(source, part);
  const auto old = by_part_.find(key);
  if (old == by_part_.end() && problems.empty()) return;
  Normalize(problems);
  for (const Problem& problem : problems) Count(problem, 1);
  if (old != by_part_.end()) {
    for (const Problem& problem : old->second) Count(problem, -1);
  }
  if (problems.empty()) {
    by_part_.erase(old);
  } else {
    by_part_[key] = std::move(problems);
  }
}

Problems ProblemTable::All() const {
  Problems all;
  all.reserve(counts_.size());
  for (const auto& [problem, count] : counts_) all.push_back(problem);
  return all;
}

const Problems& ProblemTable::Of(const std::string& source, const std::string& part) const {
  static const Problems kNone;
  const auto it = by_part_.find({source, part});
  return it == by_part_.end() ? kNone : it->second;
}

int ProblemTable::CountOf(const Problem& problem) const {
  const auto it = counts_.find(problem);
  return it == counts_.end() ? 0 : it->second;
}

int ProblemTable::CountOf(const std::string& source, const Problem& problem) const {
  int count = 0;
  for (auto it = by_part_.lower_bound({source, ""}); it != by_part_.end() && it->first.first == source; ++it) {
    count += std::binary_search(it->second.begin(), it->second.end(), problem) ? 1 : 0;
  }
  return count;
}

Problems ProblemTable::Of(const ResourceKey& object) const {
  Problems problems;
  for (auto it = counts_.lower_bound({object, {}, "", "", ""}); it != counts_.end() && it->first.object == object; ++it)
    problems.push_back(it->first);
  return problems;
}

ProblemTable::Difference ProblemTable::TakeDifference() {
  Difference difference;
  for (const auto& [problem, was] : touched_) {
    const bool is = counts_.contains(problem);
    if (is && !was) difference.added.push_back(problem);
    if (!is && was) difference.removed.push_back(problem);
  }
  touched_.clear();
  return difference;
}

}  // namespace k8sgw
