#include "src/sources/cluster/namespaces.h"

#include <algorithm>
#include <optional>

#include "api/gloo/v1/settings.proto.h"

namespace k8sgw::cluster {
namespace {

std::optional<Operator> ParseOperator(const std::string& text) {
  if (text == "In") return Operator::kIn;
  if (text == "NotIn") return Operator::kNotIn;
  if (text == "Exists") return Operator::kExists;
  if (text == "DoesNotExist") return Operator::kDoesNotExist;
  return std::nullopt;
}

}  // namespace

NamespacePolicy NamespacePolicy::Read(const ::gloo::solo::io::Settings& settings, const std::string& own) {
  NamespacePolicy policy;
  policy.always.insert(own);
  if (!settings.discovery_namespace().empty()) policy.always.insert(settings.discovery_namespace());
  for (const std::string& ns : settings.watch_namespaces()) {
    // "" is how the API of Kubernetes says "all".
    if (ns.empty() || ns == "*") return {{}, policy.always, {}};
    policy.named.insert(ns);
  }
  if (!policy.named.empty()) {
    policy.named.insert(policy.always.begin(), policy.always.end());
    return policy;
  }
  for (const auto& given : settings.watch_namespace_selectors()) {
    Selector selector{{given.match_labels().begin(), given.match_labels().end()}, {}};
    bool good = true;
    for (const auto& expression : given.match_expressions()) {
      const auto op = ParseOperator(expression.operator_());
      Requirement requirement{expression.key(), op.value_or(Operator::kExists), {}};
      requirement.values.assign(expression.values().begin(), expression.values().end());
      // What cannot be understood fits nothing.
      good = good && op && CheckRequirement(requirement).empty();
      selector.expressions.push_back(std::move(requirement));
    }
    if (!good) selector = {{{"", ""}}, {}};
    policy.selectors.push_back(std::move(selector));
  }
  return policy;
}

bool NamespacePolicy::Counts(const std::string& ns, const Labels& labels) const {
  if (always.contains(ns)) return true;
  if (!named.empty()) return named.contains(ns);
  return selectors.empty() || std::any_of(selectors.begin(), selectors.end(), [&](const Selector& selector) {
           return HasLabels(labels, selector.labels) && MatchesAll(selector.expressions, labels);
         });
}

}  // namespace k8sgw::cluster
