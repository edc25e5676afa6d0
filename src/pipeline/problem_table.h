// All problems in force, kept up to date change by change.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/model/report.h"

namespace k8sgw {

class ProblemTable {
 public:
  // Replaces what `source` said about `part` before. Several parts may report the same problem; it goes when the last
  // of them takes it back. `role` is the one of the proxy that the part belongs to; "" when it is not of one alone.
  void Set(const std::string& source, const std::string& part, Problems problems, const Name& role = {});

  // Every problem once, in order.
  Problems All() const;
  // A problem, and the roles of the proxies in which it was found; none when it belongs to no proxy.
  struct Finding {
    Problem problem;
    std::vector<Name> roles;
  };
  // Those of one object, in order.
  std::vector<Finding> Of(const ResourceKey& object) const;
  // The proxies in which errors or warnings were found, by their roles.
  std::set<Name> RolesWithProblems() const;
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
  // The objects of which Of may say something else than at the last call, in order; at the first call, all that it says
  // something of. Independent of TakeDifference.
  std::vector<ResourceKey> TakeChangedObjects();
  size_t CountErrors() const { return errors_; }
  size_t CountWarnings() const { return counts_.size() - errors_; }

 private:
  struct Part {
    Problems problems;
    Name role;
  };
  // How many parts report a problem: all, and those of each proxy.
  struct Reporters {
    int all = 0;
    std::map<Name, int> by_role;
  };

  void Count(const Problem& problem, const Name& role, int step);

  std::map<std::pair<std::string, std::string>, Part> by_part_;
  std::map<Problem, Reporters> counts_;
  size_t errors_ = 0;
  // Whether a problem was in force at the last TakeDifference; only for those that changed since.
  std::map<Problem, bool> touched_;
  // For TakeChangedObjects; kept only when somebody asks for it.
  std::optional<std::set<ResourceKey>> changed_objects_;
};

}  // namespace k8sgw
