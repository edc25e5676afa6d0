// Verdicts about reviews, in the published order of decisions, by what the pipeline would say of the change. No I/O and
// no clock; on the thread that owns the pipeline.
#pragma once

#include <functional>
#include <map>
#include <memory>
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
  // Envoy is asked about what is to be allowed.
  bool full_envoy_validation = false;

  // `settings` may be nullptr.
  static Rules Read(const gloov1::Settings* settings);
};

// Envoy's answer to the verdict's question: errors deny, unless everything is accepted. What is only a warning there is
// not about the change, and is never held against it.
void AddEnvoysAnswer(const Problems& answer, const Rules& rules, Verdict& verdict);

// Of all Proxies that reviews which are decided together are answered with: the pipeline's thread writes them.
inline constexpr size_t kMostProxyBytes = 16 << 20;

class Judge {
 public:
  using Time = Pending::Time;

  // `own_namespace` is where Gateways count in any case. The pipeline outlives the judge.
  Judge(Pipeline& pipeline, Namespaces namespaces, std::string own_namespace)
      : pipeline_(pipeline), namespaces_(std::move(namespaces)), own_namespace_(std::move(own_namespace)) {}

  // Decides reviews one after the other; what is allowed counts in those after it. Much cheaper than a sitting for
  // each, as what is pending is tried once. While it lasts, the pipeline must be left alone, and there is no other.
  class Sitting {
   public:
    Sitting(Judge& judge, const Rules& rules, Time now);
    Verdict Decide(const Review& review);

   private:
    // Begins when there is something to try.
    Speculation& Speculate();
    std::shared_ptr<const validation::Pieces> TakePieces() const;
    // What would be served with what was tried last, as far as there is room.
    void AddProxies(Verdict& verdict);

    Judge& judge_;
    const Rules rules_;
    const Time now_;
    // The hashes of what the last commit has, at the keys of what is pending or was decided.
    std::map<ResourceKey, uint64_t> seen_;
    std::unique_ptr<Speculation> speculation_;
    size_t proxy_bytes_left_ = kMostProxyBytes;
    // What would be served with all that was adopted; kept only for questions to Envoy.
    std::shared_ptr<const validation::Pieces> standing_;
  };

  // A sitting for these reviews: their verdicts, in their order.
  std::vector<Verdict> Decide(const std::vector<const Review*>& reviews, const Rules& rules, Time now);
  // Takes note of a verdict to which Envoy has had its say: else a change that it denies would be found there already
  // when it is tried again, and be no cause of anything. Not during a sitting.
  void Count(const Verdict& verdict, Time now);

 private:
  // What the review would change; none when there is nothing to judge.
  std::vector<Change> ChangesOf(const Review& review, const Rules& rules) const;
  bool Counts(const Item& item, const Rules& rules) const;

  Pipeline& pipeline_;
  const Namespaces namespaces_;
  const std::string own_namespace_;
  Pending pending_;
};

}  // namespace k8sgw::admission
