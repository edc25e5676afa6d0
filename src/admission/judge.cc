#include "src/admission/judge.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "src/admission/stock.h"
#include "src/model/inputs.h"
#include "src/model/unread.h"

namespace k8sgw::admission {
namespace {

struct Found {
  Problems errors;
  Problems warnings;
  Problems notices;

  void Take(const Problems& problems) {
    for (const Problem& problem : problems) {
      const bool warns = problem.severity == Severity::kWarning;
      (problem.severity == Severity::kError ? errors : warns ? warnings : notices).push_back(problem);
    }
  }
};

void Append(Problems& to, const Problems& more) { to.insert(to.end(), more.begin(), more.end()); }

}  // namespace

Rules Rules::Read(const gloov1::Settings* settings) {
  Rules rules;
  if (!settings) return rules;
  const auto& validation = settings->gateway().validation();
  if (validation.has_always_accept()) rules.always_accept = validation.always_accept().value();
  if (validation.has_allow_warnings()) rules.allow_warnings = validation.allow_warnings().value();
  rules.full_envoy_validation = validation.full_envoy_validation().value();
  rules.gateways_everywhere = settings->gateway().read_gateways_from_all_namespaces();
  return rules;
}

void AddEnvoysAnswer(const Problems& answer, const Rules& rules, Verdict& verdict) {
  verdict.question.reset();
  Found found;
  found.Take(answer);
  if (!found.errors.empty() && !rules.always_accept) {
    verdict.allowed = false;
    verdict.warnings.clear();
    verdict.reasons = std::move(found.errors);
    return;
  }
  Append(verdict.warnings, found.errors);
  Append(verdict.warnings, found.warnings);
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
    if (item.change && !item.same && IsRead(item.key.kind) && Counts(item, rules)) changes.push_back(*item.change);
  }
  return changes;
}

Judge::Sitting::Sitting(Judge& judge, const Rules& rules, Time now) : judge_(judge), rules_(rules), now_(now) {
  const Inputs& inputs = judge.pipeline_.inputs();
  judge.pending_.Settle([&](const ResourceKey& key) { return HashAt(inputs, key); }, now);
  for (const Change& change : judge.pending_.changes()) seen_.emplace(change.key, HashAt(inputs, change.key));
}

Speculation& Judge::Sitting::Speculate() {
  if (speculation_) return *speculation_;
  speculation_ = std::make_unique<Speculation>(judge_.pipeline_);
  if (judge_.pending_.size() > 0) {
    speculation_->Try(judge_.pending_.changes());
    speculation_->Adopt();
  }
  if (rules_.full_envoy_validation) standing_ = TakePieces();
  return *speculation_;
}

std::shared_ptr<const validation::Pieces> Judge::Sitting::TakePieces() const {
  return std::make_shared<const validation::Pieces>(validation::TakePieces(judge_.pipeline_));
}

void Judge::Sitting::AddProxies(Verdict& verdict) {
  auto proxies = std::make_shared<const Proxies>(judge_.pipeline_.AssembleProxies());
  size_t bytes = 0;
  for (const gloov1::Proxy& proxy : *proxies) bytes += proxy.ByteSizeLong();
  verdict.proxies_left_out = bytes > proxy_bytes_left_;
  if (verdict.proxies_left_out) return;
  proxy_bytes_left_ -= bytes;
  verdict.proxies = std::move(proxies);
}

Verdict Judge::Sitting::Decide(const Review& review) {
  // The graph shows the last commit and what was adopted, and of that everything is noted already.
  for (const Item& item : review.items) seen_.try_emplace(item.key, HashAt(judge_.pipeline_.inputs(), item.key));
  Found found;
  // What cannot be read is never let through: it would be in the way of every later version.
  bool readable = true;
  bool asks = review.is_namespace;
  for (const Item& item : review.items) {
    if (!judge_.Counts(item, rules_) || item.same || item.skip) continue;
    asks = true;
    found.Take(item.problems);
    if (item.change) found.Take(UnreadNotices(*item.change));
    readable = readable && !HasErrors(item.problems);
  }
  const std::vector<Change> changes = judge_.ChangesOf(review, rules_);
  const bool deletes = review.is_namespace || review.operation == Operation::kDelete;
  Verdict verdict;
  std::shared_ptr<const validation::Pieces> pieces;
  if (readable && !changes.empty()) {
    const Consequences consequences = Speculate().Try(changes);
    // Objects that ask for no validation count, but nobody is told of what they do.
    if (asks || deletes) found.Take(deletes ? consequences.caused : consequences.All());
    if (review.return_proxies) AddProxies(verdict);
    if (rules_.full_envoy_validation) pieces = TakePieces();
    // Nobody needs another word on what is wrong anyway.
    if (pieces && (asks || deletes) && found.errors.empty()) {
      verdict.question =
          std::make_shared<const validation::ChangeQuestion>(validation::ChangeQuestion{pieces, standing_});
    }
  }
  const bool clean = found.errors.empty() && (rules_.allow_warnings || found.warnings.empty());
  verdict.allowed = readable && (rules_.always_accept || clean);
  const bool counts = verdict.allowed && !review.dry_run && !review.is_namespace && !changes.empty();
  if (counts && !verdict.question) {
    speculation_->Adopt();
    standing_ = std::move(pieces);
    for (const Change& change : changes) judge_.pending_.Add({change, seen_.at(change.key)}, now_);
  } else if (speculation_) {
    speculation_->Drop();
  }
  if (counts && verdict.question) {
    for (const Change& change : changes) verdict.then_counts.push_back({change, seen_.at(change.key)});
  }
  if (verdict.allowed) {
    for (const Problems* some : {&found.errors, &found.warnings, &found.notices}) Append(verdict.warnings, *some);
    return verdict;
  }
  verdict.question.reset();
  Append(verdict.reasons, found.errors);
  if (!rules_.allow_warnings && !rules_.always_accept && readable) Append(verdict.reasons, found.warnings);
  return verdict;
}

std::vector<Verdict> Judge::Decide(const std::vector<const Review*>& reviews, const Rules& rules, Time now) {
  Sitting sitting(*this, rules, now);
  std::vector<Verdict> verdicts;
  for (const Review* review : reviews) verdicts.push_back(sitting.Decide(*review));
  return verdicts;
}

void Judge::Count(const Verdict& verdict, Time now) {
  if (!verdict.allowed) return;
  for (const Pending::Allowed& allowed : verdict.then_counts) {
    // A newer version may have come meanwhile.
    if (HashAt(pipeline_.inputs(), allowed.change.key) == allowed.seen) pending_.Add(allowed, now);
  }
}

}  // namespace k8sgw::admission
