#include "src/admission/judge.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "src/admission/stock.h"

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
  Problems errors;
  Problems warnings;
  Sort(answer, errors, warnings);
  if (!errors.empty() && !rules.always_accept) {
    verdict.allowed = false;
    verdict.warnings.clear();
    verdict.reasons = std::move(errors);
    return;
  }
  for (const Problems* more : {&errors, &warnings})
    verdict.warnings.insert(verdict.warnings.end(), more->begin(), more->end());
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
  Found found;
  // What cannot be read is never let through: it would be in the way of every later version.
  bool readable = true;
  bool asks = review.is_namespace;
  for (const Item& item : review.items) {
    if (!Counts(item, rules) || item.same || item.skip) continue;
    asks = true;
    found.Take(item.problems);
    readable = readable && !HasErrors(item.problems);
  }
  const std::vector<Change> changes = ChangesOf(review, rules);
  const bool deletes = review.is_namespace || review.operation == Operation::kDelete;
  Verdict verdict;
  if (readable && !changes.empty()) {
    const Consequences consequences = speculation().Try(changes);
    // Objects that ask for no validation count, but nobody is told of what they do.
    if (asks || deletes) found.Take(deletes ? consequences.caused : consequences.All());
    if (review.return_proxies) AddProxies(verdict);
    // Nobody needs another word on what is wrong anyway.
    if (rules.full_envoy_validation && (asks || deletes) && found.errors.empty()) {
      verdict.question = std::make_shared<const validation::ChangeQuestion>(validation::ChangeQuestion{
          std::make_shared<const validation::Pieces>(validation::TakePieces(pipeline_)), standing_});
    }
  }
  const bool clean = found.errors.empty() && (rules.allow_warnings || found.warnings.empty());
  verdict.allowed = readable && (rules.always_accept || clean);
  const auto append = [](Problems& to, const Problems& more) { to.insert(to.end(), more.begin(), more.end()); };
  if (!verdict.allowed) {
    verdict.question.reset();
    verdict.reasons = found.errors;
    if (!rules.allow_warnings && !rules.always_accept && readable) append(verdict.reasons, found.warnings);
    return verdict;
  }
  for (const Problems* some : {&found.errors, &found.warnings, &found.notices}) append(verdict.warnings, *some);
  if (review.dry_run || review.is_namespace || changes.empty()) return verdict;
  speculation().Adopt();
  if (rules.full_envoy_validation)
    standing_ = verdict.question ? verdict.question->with
                                 : std::make_shared<const validation::Pieces>(validation::TakePieces(pipeline_));
  for (const Change& change : changes) pending_.Add(change, seen_.at(change.key), now);
  return verdict;
}

void Judge::AddProxies(Verdict& verdict) {
  auto proxies = std::make_shared<const Proxies>(pipeline_.AssembleProxies());
  size_t bytes = 0;
  for (const gloov1::Proxy& proxy : *proxies) bytes += proxy.ByteSizeLong();
  verdict.proxies_left_out = bytes > proxy_bytes_left_;
  if (verdict.proxies_left_out) return;
  proxy_bytes_left_ -= bytes;
  verdict.proxies = std::move(proxies);
}

// With what was allowed and is not seen yet.
std::unique_ptr<Speculation> Judge::StartSpeculation(const Rules& rules) {
  auto speculation = std::make_unique<Speculation>(pipeline_);
  if (pending_.size() > 0) {
    speculation->Try(pending_.changes());
    speculation->Adopt();
  }
  if (rules.full_envoy_validation)
    standing_ = std::make_shared<const validation::Pieces>(validation::TakePieces(pipeline_));
  return speculation;
}

std::vector<Verdict> Judge::Decide(const std::vector<const Review*>& reviews, const Rules& rules, Time now) {
  const auto seen = [this](const ResourceKey& key) { return HashAt(pipeline_.inputs(), key); };
  pending_.Settle(seen, now);
  proxy_bytes_left_ = kMostProxyBytes;
  seen_.clear();
  for (const Review* review : reviews) {
    for (const Item& item : review->items) seen_.emplace(item.key, seen(item.key));
  }
  std::unique_ptr<Speculation> speculation;
  const auto ask = [&]() -> Speculation& {
    if (!speculation) speculation = StartSpeculation(rules);
    return *speculation;
  };
  std::vector<Verdict> verdicts;
  for (const Review* review : reviews) verdicts.push_back(DecideOne(*review, rules, ask, now));
  standing_.reset();
  return verdicts;
}

}  // namespace k8sgw::admission
