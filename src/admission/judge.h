// Verdicts about reviews, in the published order of decisions, by what the pipeline would say of the change. No I/O and
// no clock; on the thread that owns the pipeline.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "src/admission/pending.h"
#include "src/admission/verdict.h"
#include "src/pipeline/speculation.h"

namespace k8sgw::admission {

// What is known of namespaces. Both are asked on the pipeline's thread.
struct Namespaces {
  // Whether its objects count.
  std::function<bool(const std::string& ns)> counts;
  // Whether they would, with these labels.
  std::function<bool(const std::string& ns, const Labels& labels)> counts_with;
};

// From Settings; the defaults are the published ones.
struct Rules {
  bool always_accept = true;
  bool allow_warnings = true;
  bool gateways_everywhere = false;

  // `settings` may be nullptr.
  static Rules Read(const gloov1::Settings* settings);
};

class Judge {
 public:
  using Time = Pending::Time;

  // `own_namespace` is where Gateways count in any case. The pipeline outlives the judge.
  Judge(Pipeline& pipeline, Namespaces namespaces, std::string own_namespace)
      : pipeline_(pipeline), namespaces_(std::move(namespaces)), own_namespace_(std::move(own_namespace)) {}

  // Told as soon as it is known, while others are still to be decided: the pipeline must be left alone.
  using Tell = std::function<void(size_t review, const Verdict& verdict)>;
  // Tells one verdict for each review, in their order; what is allowed counts in those after it. Cheaper than one by one.
  void Decide(const std::vector<const Review*>& reviews, const Rules& rules, Time now, const Tell& tell);
  // The same, when all are known.
  std::vector<Verdict> Decide(const std::vector<const Review*>& reviews, const Rules& rules, Time now);

 private:
  // What the review would change; none when there is nothing to judge.
  std::vector<Change> ChangesOf(const Review& review, const Rules& rules) const;
  bool Counts(const Item& item, const Rules& rules) const;
  Verdict DecideOne(const Review& review, const Rules& rules, const std::function<Speculation&()>& speculation,
                    Time now);

  Pipeline& pipeline_;
  const Namespaces namespaces_;
  const std::string own_namespace_;
  Pending pending_;
  // Of what the last commit has at the keys of the reviews in hand.
  std::map<ResourceKey, uint64_t> seen_;
};

}  // namespace k8sgw::admission
