// The verdict on each object, kept up to date with a pipeline: which may have changed, and what it is now.
//
// Incremental: a commit costs as much as it changed. Texts are not kept; a verdict is made when it is asked for.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "src/pipeline/pipeline.h"
#include "src/status/verdict.h"

namespace k8sgw::status {

class Verdicts {
 public:
  // Before the pipeline's first Commit; the pipeline outlives it.
  explicit Verdicts(Pipeline& pipeline, Limits limits = {});

  // To be called after each Commit, before the next.
  void AfterCommit();
  // The objects whose verdict may be another than at the last call, in order: those that became or ceased to be a part
  // of a proxy, and those whose problems changed, be it by a commit, by ReportNack or by the table's other sources. An
  // object that nobody has something to say about is not among them, though its verdict is Accepted.
  std::vector<ResourceKey> TakeChanged();

  // The verdict on an object, whether or not the pipeline knows it: existence is for the caller to know.
  Entry Of(const ResourceKey& object) const;

 private:
  // The objects that a part of a proxy was made from. A listener stands under its key with an empty VirtualService.
  using Objects = std::vector<ResourceKey>;
  void Set(const proxy::VirtualHostKey& part, Objects objects);
  void Count(const ResourceKey& object, const ProxyRef& proxy, int step);

  Pipeline& pipeline_;
  const Limits limits_;
  std::map<proxy::VirtualHostKey, Objects> parts_;
  // How many parts of each proxy were made from an object.
  std::map<ResourceKey, std::map<ProxyRef, int>> proxies_;
  std::set<ResourceKey> changed_;
};

}  // namespace k8sgw::status
