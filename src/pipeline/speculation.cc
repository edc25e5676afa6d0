#include "src/pipeline/speculation.h"

#include <algorithm>
#include <array>
#include <set>

namespace k8sgw {
namespace {

// Who else writes into the table of problems; see ProblemTable::Set.
constexpr std::array kOutside = {"envoy", "kinds", "nack", "source"};

void Add(const Problems& problems, int step, std::map<Problem, int>& counts) {
  for (const Problem& problem : problems) counts[problem] += step;
}

int Find(const std::map<Problem, int>& counts, const Problem& problem) {
  const auto it = counts.find(problem);
  return it == counts.end() ? 0 : it->second;
}

}  // namespace

Problems Consequences::All() const {
  Problems all = own;
  all.insert(all.end(), caused.begin(), caused.end());
  Normalize(all);
  return all;
}

Speculation::~Speculation() { pipeline_.graph_.Restore(); }

const Problems& Speculation::Before(const Part& part) const {
  const auto it = before_.find(part);
  return it == before_.end() ? pipeline_.problems_.Of(part.first, part.second) : it->second;
}

int Speculation::CountBefore(const Problem& problem) const {
  return pipeline_.problems_.CountOf(problem) + Find(before_counts_, problem);
}

int Speculation::CountOutside(const Problem& problem) const {
  int count = 0;
  for (const char* source : kOutside) count += pipeline_.problems_.CountOf(source, problem);
  return count;
}

Consequences Speculation::Try(const std::vector<Change>& changes) {
  std::set<ResourceKey> keys;
  for (const Change& change : changes) {
    if (pipeline_.Stage(change)) keys.insert(change.key);
  }
  pipeline_.graph_.Speculate();
  now_.clear();
  pipeline_.ForEachChangedPart(
      [this](const std::string& source, std::string name, const Problems& problems, const Name&) {
        const Part part(source, std::move(name));
        Problems sorted = problems;
        Normalize(sorted);
        if (sorted != Before(part)) now_[part] = std::move(sorted);
      });
  now_counts_.clear();
  for (const auto& [part, problems] : now_) {
    Add(problems, 1, now_counts_);
    Add(Before(part), -1, now_counts_);
  }

  Consequences out;
  std::set<Problem> own;
  for (const auto& [problem, step] : now_counts_) {
    if (step > 0 && CountBefore(problem) == 0) out.caused.push_back(problem);
    own.insert(problem);
  }
  for (const auto& [problem, step] : before_counts_) own.insert(problem);
  for (const ResourceKey& key : keys) {
    for (ProblemTable::Finding& finding : pipeline_.problems_.Of(key)) own.insert(std::move(finding.problem));
  }
  for (const Problem& problem : own) {
    if (!keys.contains(problem.object)) continue;
    if (CountBefore(problem) + Find(now_counts_, problem) > CountOutside(problem)) out.own.push_back(problem);
  }
  return out;
}

void Speculation::Adopt() {
  pipeline_.graph_.Keep();
  for (auto& [part, problems] : now_) before_[part] = std::move(problems);
  for (const auto& [problem, step] : now_counts_) before_counts_[problem] += step;
  now_.clear();
  now_counts_.clear();
}

void Speculation::Drop() {
  pipeline_.graph_.Drop();
  now_.clear();
  now_counts_.clear();
}

}  // namespace k8sgw
