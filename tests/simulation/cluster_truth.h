// What a control plane makes of the objects of a cluster that it sees for the first time.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/gloo.h"

namespace k8sgw::sim {

class FreshStart {
 public:
  // With the last good versions of `memory`, and those objects that `gloo` keeps because they were deleted (Settings)
  // or cannot be decoded any more.
  FreshStart(const ModelCluster& cluster, const Gloo& gloo, const Memory& memory);

  const Pipeline& pipeline() const { return *pipeline_; }
  bool Counts(const std::string& ns) const { return policy_.Counts(ns, cluster_.LabelsOf(ns)); }
  // How `gloo` differs from it; "" when it does not.
  std::string DifferenceTo(Gloo& gloo) const;
  // What is wrong with the statuses in the cluster, in words.
  std::vector<std::string> WrongStatuses(Gloo& gloo) const;

 private:
  ControlPlane::Reading Read(const Gloo& gloo);

  const ModelCluster& cluster_;
  cluster::NamespacePolicy policy_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<status::Verdicts> verdicts_;
};

}  // namespace k8sgw::sim
