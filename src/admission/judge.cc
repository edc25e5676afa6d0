#include "src/admission/judge.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "api/gloo/v1/settings.proto.h"
#include "src/admission/stock.h"

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

Verdict Judge::DecideOne(const Review& review, const Rules& rules, const std::function<Speculation&()>& speculation,
                         Time now) {
  Problems errors;
  Problems warnings;
  // What cannot be read is never let through: it would be in the way of every later version.
  bool readable = true;
  bool asks = review.is_namespace;
  for (const Item& item : review.items) {
    if (!Counts(item, rules) || item.same || item.skip) continue;
    asks = true;
    Sort(item.problems, errors, warnings);
    readable = readable && !HasErrors(item.problems);
  }
  const std::vector<Change> changes = ChangesOf(review, rules);
  const bool deletes = review.is_namespace || review.operation == Operation::kDelete;
  if (readable && !changes.empty()) {
    const Consequences consequences = speculation().Try(changes);
    // Objects that ask for no validation count, but nobody is told of what they do.
    if (asks || deletes) Sort(deletes ? consequences.caused : consequences.All(), errors, warnings);
  }
  Verdict verdict;
  verdict.allowed = readable && (rules.always_accept || (errors.empty() && (rules.allow_warnings || warnings.empty())));
  if (!verdict.allowed) {
    verdict.reasons = errors;
    if (!rules.allow_warnings && !rules.always_accept && readable)
      verdict.reasons.insert(verdict.reasons.end(), warnings.begin(), warnings.end());
    return verdict;
  }
  verdict.warnings = std::move(errors);
  verdict.warnings.insert(verdict.warnings.end(), warnings.begin(), warnings.end());
  if (review.dry_run || review.is_namespace || changes.empty()) return verdict;
  speculation().Adopt();
  for (const Change& change : changes) pending_.Add(change, seen_.at(change.key), now);
  return verdict;
}

std::vector<Verdict> Judge::Decide(const std::vector<const Review*>& reviews, const Rules& rules, Time now) {
  std::vector<Verdict> verdicts;
  Decide(reviews, rules, now, [&](size_t, const Verdict& verdict) { verdicts.push_back(verdict); });
  return verdicts;
}

void Judge::Decide(const std::vector<const Review*>& reviews, const Rules& rules, Time now, const Tell& tell) {
  const auto seen = [this](const ResourceKey& key) { return HashAt(pipeline_.inputs(), key); };
  pending_.Settle(seen, now);
  seen_.clear();
  for (const Review* review : reviews) {
    for (const Item& item : review->items) seen_.emplace(item.key, seen(item.key));
  }
  std::unique_ptr<Speculation> speculation;
  const auto ask = [&]() -> Speculation& {
    if (!speculation) {
      speculation = std::make_unique<Speculation>(pipeline_);
      if (pending_.size() > 0) {
        speculation->Try(pending_.changes());
        speculation->Adopt();
      }
    }
    return *speculation;
  };
  for (size_t i = 0; i < reviews.size(); ++i) tell(i, DecideOne(*reviews[i], rules, ask, now));
}

}  // namespace k8sgw::admission
