// What would be wrong if some changes were applied: the pipeline's graph with the changes, looked at and taken back.
//
// As long as a Speculation lives, nobody may Commit, and the pipeline's gateway() and envoy() show what was tried last;
// its problems, roles and resources stay those of the last Commit. When it ends, everything is as before.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "src/pipeline/pipeline.h"

namespace k8sgw {

struct Consequences {
  // What comes into force with the changes and is not in force without them, on whatever object.
  Problems caused;
  // All problems of the changed objects then. Not what Envoys said of the versions before.
  Problems own;

  // Both, each problem once, in order.
  Problems All() const;
};

class Speculation {
 public:
  // Nothing may be staged.
  explicit Speculation(Pipeline& pipeline) : pipeline_(pipeline) {}
  ~Speculation();
  Speculation(const Speculation&) = delete;
  Speculation& operator=(const Speculation&) = delete;

  // Tries changes on top of what was adopted, in place of those that were tried before. Kinds that are not translated
  // have no consequences.
  Consequences Try(const std::vector<Change>& changes);
  // What was tried last belongs to the state on top of which others are tried from now on.
  void Adopt();
  // What was tried last is taken back at once, not only when something else is tried.
  void Drop();

 private:
  using Part = std::pair<std::string, std::string>;
  using Parts = std::map<Part, Problems>;

  const Problems& Before(const Part& part) const;
  int CountBefore(const Problem& problem) const;
  // How many of them are not from translation: from the source of objects, or from Envoys.
  int CountOutside(const Problem& problem) const;

  Pipeline& pipeline_;
  // Parts that what was adopted changed, and by how much it changed the count of each problem.
  Parts before_;
  std::map<Problem, int> before_counts_;
  // Parts that differ now from what they were before what was tried.
  Parts now_;
  std::map<Problem, int> now_counts_;
};

}  // namespace k8sgw
