#include "src/pipeline/problem_table.h"

#include <algorithm>

namespace k8sgw {

void ProblemTable::Count(const Problem& problem, const Name& role, int step) {
  const auto it = counts_.try_emplace(problem).first;
  Reporters& reporters = it->second;
  const int before = reporters.all;
  const int after = before + step;
  touched_.try_emplace(problem, before > 0);
  if (changed_objects_) changed_objects_->insert(problem.object);
  if (problem.severity == Severity::kError && (before > 0) != (after > 0)) errors_ += after > 0 ? 1 : -1;
  if (after == 0) {
    counts_.erase(it);
    return;
  }
  reporters.all = after;
  if (!role.empty() && (reporters.by_role[role] += step) == 0) reporters.by_role.erase(role);
}

void ProblemTable::Set(const std::string& source, const std::string& part, Problems problems, const Name& role) {
  const auto key = std::make_pair(source, part);
  const auto old = by_part_.find(key);
  if (old == by_part_.end() && problems.empty()) return;
  Normalize(problems);
  for (const Problem& problem : problems) Count(problem, role, 1);
  if (old != by_part_.end()) {
    for (const Problem& problem : old->second.problems) Count(problem, old->second.role, -1);
  }
  if (problems.empty()) {
    by_part_.erase(old);
  } else {
    by_part_[key] = {std::move(problems), role};
  }
}

Problems ProblemTable::All() const {
  Problems all;
  all.reserve(counts_.size());
  for (const auto& [problem, reporters] : counts_) all.push_back(problem);
  return all;
}

const Problems& ProblemTable::Of(const std::string& source, const std::string& part) const {
  static const Problems kNone;
  const auto it = by_part_.find({source, part});
  return it == by_part_.end() ? kNone : it->second.problems;
}

int ProblemTable::CountOf(const Problem& problem) const {
  const auto it = counts_.find(problem);
  return it == counts_.end() ? 0 : it->second.all;
}

int ProblemTable::CountOf(const std::string& source, const Problem& problem) const {
  int count = 0;
  for (auto it = by_part_.lower_bound({source, ""}); it != by_part_.end() && it->first.first == source; ++it) {
    count += std::binary_search(it->second.problems.begin(), it->second.problems.end(), problem) ? 1 : 0;
  }
  return count;
}

std::vector<ProblemTable::Finding> ProblemTable::Of(const ResourceKey& object) const {
  std::vector<Finding> findings;
  Problem first;
  first.object = object;
  for (auto it = counts_.lower_bound(first); it != counts_.end() && it->first.object == object; ++it) {
    Finding& finding = findings.emplace_back(Finding{it->first, {}});
    for (const auto& [role, count] : it->second.by_role) finding.roles.push_back(role);
  }
  return findings;
}

std::set<Name> ProblemTable::RolesWithProblems() const {
  std::set<Name> roles;
  for (const auto& [problem, reporters] : counts_) {
    if (problem.severity == Severity::kNotice) continue;
    for (const auto& [role, count] : reporters.by_role) roles.insert(role);
  }
  return roles;
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

std::vector<ResourceKey> ProblemTable::TakeChangedObjects() {
  std::vector<ResourceKey> objects;
  if (changed_objects_) {
    objects.assign(changed_objects_->begin(), changed_objects_->end());
  } else {
    for (const auto& [problem, reporters] : counts_) {
      if (objects.empty() || objects.back() != problem.object) objects.push_back(problem.object);
    }
  }
  changed_objects_.emplace();
  return objects;
}

}  // namespace k8sgw
