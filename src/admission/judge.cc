#include "src/admission/judge.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "api/gloo/v1/settings.proto.h"
#include "src/admission/stock.h"
#include "src/model/inputs.h"

namespace k8sgw::admission {
namespace {

void Sort(const Problems& problems, Problems& errors, Problems& warnings) {
  for (const Problem& problem : problems) (problem.severity == Severity::kError ? errors : warnings).push_back(problem);
}

}  // namespace

Rules Rules::Read(const gloov1::Settings* settings) {
  Rules rules;
  if (!settings) return rules;
  const auto& validation = settings->gateway().validation();
  if (validation.has_always_accept()) rules.always_accept = validation.always_accept().value();
  if (validation.has_allow_warnings()) rules.allow_warnings = validation.allow_warnings().value();
  rules.gateways_everywhere = settings->gateway().read_gateways_from_all_namespaces();
  return rules;
}

bool Judge::Counts(const Item& item, const Rules& rules) const {
  const std::string& ns = item.key.ns;
  if (item.key.kind == Kind::kDocument) return false;
  if (item.key.kind == Kind::kGateway && !rules.gateways_everywhere) return ns == own_namespace_;
  return namespaces_.counts(ns);
}

std::vector<Change> Judge::ChangesOf(const Review& review, const Rules& rules) const {
  if (review.is_namespace) {
    const std::string& ns = review.name;
    const bool goes = review.operation == Operation::kDelete ||
                      (review.operation == Operation::kUpdate && !namespaces_.counts_with(ns, review.labels));
    return namespaces_.counts(ns) && goes ? DeletionsOf(pipeline_.inputs(), ns) : std::vector<Change>();
  }
  std::vector<Change> changes;
  for (const Item& item : review.items) {
    if (item.change && !item.same && Counts(item, rules)) changes.push_back(*item.change);
  }
  return changes;
}

Judge::Sitting::Sitting(Judge& judge, const Rules& rules, Time now) : judge_(judge), rules_(rules), now_(now) {
  const Inputs& inputs = judge.pipeline_.inputs();
  judge.pending_.Settle([&](const ResourceKey& key) { return HashAt(inputs, key); }, now);
  for (const Change& change : judge.pending_.changes()) seen_.emplace(change.key, HashAt(inputs, change.key));
}

Speculation& Judge::Sitting::Speculate() {
  if (!speculation_) {
    speculation_ = std::make_unique<Speculation>(judge_.pipeline_);
    if (judge_.pending_.size() > 0) {
      speculation_->Try(judge_.pending_.changes());
      speculation_->Adopt();
    }
  }
  return *speculation_;
}

Verdict Judge::Sitting::Decide(const Review& review) {
  // The graph shows the last commit and what was adopted, and of that everything is noted already.
  for (const Item& item : review.items) seen_.try_emplace(item.key, HashAt(judge_.pipeline_.inputs(), item.key));
  Problems errors;
  Problems warnings;
  // What cannot be read is never let through: it would be in the way of every later version.
  bool readable = true;
  bool asks = review.is_namespace;
  for (const Item& item : review.items) {
    if (!judge_.Counts(item, rules_) || item.same || item.skip) continue;
    asks = true;
    Sort(item.problems, errors, warnings);
    readable = readable && !HasErrors(item.problems);
  }
  const std::vector<Change> changes = judge_.ChangesOf(review, rules_);
  const bool deletes = review.is_namespace || review.operation == Operation::kDelete;
  if (readable && !changes.empty()) {
    const Consequences consequences = Speculate().Try(changes);
    // Objects that ask for no validation count, but nobody is told of what they do.
    if (asks || deletes) Sort(deletes ? consequences.caused : consequences.All(), errors, warnings);
  }
  Verdict verdict;
  verdict.allowed =
      readable && (rules_.always_accept || (errors.empty() && (rules_.allow_warnings || warnings.empty())));
  const bool counts = verdict.allowed && !review.dry_run && !review.is_namespace && !changes.empty();
  if (counts) {
    speculation_->Adopt();
    for (const Change& change : changes) judge_.pending_.Add(change, seen_.at(change.key), now_);
  } else if (speculation_) {
    speculation_->Drop();
  }
  if (!verdict.allowed) {
    verdict.reasons = std::move(errors);
    if (!rules_.allow_warnings && !rules_.always_accept && readable)
      verdict.reasons.insert(verdict.reasons.end(), warnings.begin(), warnings.end());
    return verdict;
  }
  verdict.warnings = std::move(errors);
  verdict.warnings.insert(verdict.warnings.end(), warnings.begin(), warnings.end());
  return verdict;
}

std::vector<Verdict> Judge::Decide(const std::vector<const Review*>& reviews, const Rules& rules, Time now) {
  Sitting sitting(*this, rules, now);
  std::vector<Verdict> verdicts;
  for (const Review* review : reviews) verdicts.push_back(sitting.Decide(*review));
  return verdicts;
}

}  // namespace k8sgw::admission
